package task

import (
	"strings"

	"vision/internal/fault"
	"vision/internal/openai"
	"vision/internal/picture"
)

const (
	maxParts    = 1024 // parts of one message
	maxPictures = 16   // pictures of one request
)

// piece is one part of a content: text, or a picture.
type piece struct {
	text    string
	picture []byte // its URL, as JSON; nil: it is text
	detail  []byte // how closely to look at it, as JSON; may be nil
}

// parts writes a content of several parts.
func (t *turn) parts(p *parsing, v []byte) error {
	var list []piece
	pictures := 0
	for e := range openai.Elements(v) {
		if len(list) == maxParts {
			return badMessage(t.n, "has more than %d parts", maxParts)
		}
		one, err := t.part(p, e)
		if err != nil {
			return err
		}
		if one.picture != nil {
			pictures++
		}
		list = append(list, one)
	}
	if len(list) == 0 {
		return badMessage(t.n, "has no parts")
	}
	if pictures == 0 {
		var text strings.Builder
		for i, one := range list {
			if i > 0 {
				text.WriteByte('\n')
			}
			text.WriteString(one.text)
		}
		before := len(p.out)
		p.out = openai.AppendString(p.out, text.String())
		p.r.features.PromptBytes += len(p.out) - before - 2
		return nil
	}
	t.pictured = true
	for i, one := range list {
		p.out = append(p.out, "[,"[min(i, 1)])
		if err := t.writePart(p, i, one); err != nil {
			return err
		}
	}
	p.out = append(p.out, ']')
	return nil
}

func (t *turn) writePart(p *parsing, i int, one piece) error {
	if one.picture == nil {
		p.out = append(p.out, `{"type":"text","text":`...)
		before := len(p.out)
		p.out = openai.AppendString(p.out, one.text)
		p.r.features.PromptBytes += len(p.out) - before - 2
		p.out = append(p.out, '}')
		return nil
	}
	if p.r.seen++; p.r.seen > maxPictures {
		return fault.BadParam("messages", "messages have more than %d pictures.", maxPictures)
	}
	param := "messages[" + itoa(t.n) + "].content[" + itoa(i) + "].image_url"
	p.out = append(p.out, `{"type":"image_url","image_url":{"url":`...)
	if linked, err := p.link(param, one.picture); err != nil {
		return err
	} else if linked { // a part of something that nobody is sent
		p.out = append(p.out, `""`...)
	} else if err := p.asPicture(param, one.picture, picture.Default); err != nil {
		return err
	}
	if one.detail != nil {
		p.key("detail")
		p.out = openai.AppendCanonical(p.out, one.detail)
	}
	p.out = append(p.out, '}', '}')
	return nil
}

func (t *turn) part(p *parsing, v []byte) (one piece, err error) {
	members, err := openai.ObjectMembers(v, "messages")
	if err != nil {
		return one, badMessage(t.n, "has a part that is not an object")
	}
	var kind, refusal string
	var shown []byte
	for _, m := range members {
		switch m.Name {
		case "type":
			kind, err = openai.Text(m.Value, "type")
		case "text":
			one.text, err = openai.Text(m.Value, "text")
		case "refusal":
			refusal, err = openai.Text(m.Value, "refusal")
		case "image_url":
			shown = m.Value
		}
		if err != nil {
			return one, badMessage(t.n, "has a part whose %s is not a string", m.Name)
		}
	}
	switch kind {
	case "text":
		return one, nil
	case "refusal":
		if t.role == "assistant" {
			return piece{text: refusal}, nil
		}
	case "image_url":
		if !p.task.Model.Images {
			break
		}
		if t.role != "user" && t.role != "tool" {
			return one, badMessage(t.n, `has a picture, which only messages of the roles "user" and "tool" may have`)
		}
		one = piece{picture: shown}
		err = t.shown(&one)
		return one, err
	case "input_audio", "video_url", "file":
	default:
		return one, badMessage(t.n, `has a part of an unknown type; use "text"`)
	}
	reads := "text only"
	if p.task.Model.Images {
		reads = "text and pictures only"
	}
	return one, openai.Unsupported("messages", "this model reads "+reads+", and message "+itoa(t.n)+" has a part of the type "+kind)
}

// shown reads the value of image_url: an object with a URL, or the URL alone.
func (t *turn) shown(one *piece) error {
	if v := one.picture; v != nil && v[0] == '{' {
		members, err := openai.ObjectMembers(v, "image_url")
		if err != nil {
			return err
		}
		one.picture = nil
		for _, m := range members {
			switch {
			case m.Name == "url":
				one.picture = m.Value
			case m.Name == "detail" && !openai.IsNull(m.Value):
				switch string(m.Value) {
				case `"auto"`:
				case `"low"`, `"high"`:
					one.detail = m.Value
				default:
					return badMessage(t.n, `has a picture whose detail is none of "auto", "low" and "high"`)
				}
			}
		}
	}
	if !openai.IsString(one.picture) {
		return badMessage(t.n, "has a part without a picture: give image_url an object with url")
	}
	return nil
}
