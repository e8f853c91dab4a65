package openai

// FindText gives the text of a request's member, if it is there and a string.
// It looks no further than the member and checks nothing else: whoever acts on
// the request reads all of it with Members.
func FindText(b []byte, name string) (string, bool) {
	o := open(b, space(b, 0))
	for o.next() {
		if string(b[o.key:o.keyEnd]) == name {
			if o.val >= len(b) || b[o.val] != '"' {
				return "", false
			}
			end := skipString(b, o.val)
			if end == bad {
				return "", false
			}
			return unquote(b[o.val:end]), true
		}
		o.i = skipValue(b, o.val, MaxDepth)
	}
	return "", false
}
