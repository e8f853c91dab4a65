package task

import (
	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/picture"
)

// Linked is a Request that may hold links: http or https URLs of pictures. One
// that has any is valid but not whole. Whoever takes it from a customer fetches
// the files, writes them into the body with Embed and parses that again: the
// second time the pictures themselves are checked. Miners see no links, and
// refuse them.
//
// All kinds' requests implement it. A kind whose fields may hold a picture
// reads them with parsing.link first:
//
//	if linked, err := p.link(param, v); linked || err != nil {
//		return err // it will be parsed again, with the picture
//	}
type Linked interface {
	Request
	// Links lists the links in the order they were read; nil for most requests.
	Links() []Link
}

// Link is a URL in a customer's body.
type Link struct {
	Param    string // the field that holds it, for errors
	URL      string // of the scheme http or https
	From, To int    // the body's bytes that are the JSON string
}

// MaxLinks is how many links one request may have.
const MaxLinks = 16

// Links implements Linked.
func (r *request) Links() []Link { return r.links }

// Embed writes files into a body in place of its links, in their order, as data
// URLs. The links must come from parsing that very body.
func Embed(body []byte, links []Link, files [][]byte) []byte {
	size := len(body)
	for _, f := range files {
		size += len(f)*4/3 + 64
	}
	out := make([]byte, 0, size)
	at := 0
	for i, l := range links {
		out = append(out, body[at:l.From]...)
		out = append(out, '"')
		out = picture.AppendURL(out, files[i])
		out = append(out, '"')
		at = l.To
	}
	return append(out, body[at:]...)
}

// link notes a string of the body that is an http or https URL; false says that
// it is none. param names it in errors.
func (p *parsing) link(param string, v []byte) (bool, error) {
	if !openai.IsString(v) || len(v) > 8<<10 { // a picture itself is not decoded twice
		return false, nil
	}
	url, err := openai.Text(v, param)
	if err != nil || !picture.IsLink(url) {
		return false, err
	}
	if len(p.r.links) == MaxLinks {
		return false, fault.BadParam(param, "The request has more than %d links to pictures.", MaxLinks)
	}
	// Values are slices of the body, which they share the end of.
	from := cap(p.body) - cap(v)
	p.r.links = append(p.r.links, Link{Param: param, URL: url, From: from, To: from + len(v)})
	return true, nil
}
