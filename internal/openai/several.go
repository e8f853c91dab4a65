package openai

import (
	"bytes"
	"strconv"
)

// Several answers to one request, each made as if it were the only one, are
// shown as choices of one answer.

// AppendAsChoice appends whole events of a Stream as those of the choice of an
// index, in a stream whose chunks have an id.
func AppendAsChoice(dst, events []byte, index int, id string) []byte {
	for line := range bytes.Lines(events) {
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok || len(data) == 0 || data[0] != '{' {
			dst = append(dst, line...)
			continue
		}
		dst = append(dst, "data: {"...)
		separator := ""
		for name, value := range AnswerMembers(data) {
			dst = appendName(dst, &separator, name)
			switch name {
			case "id":
				dst = AppendString(dst, id)
			case "choices":
				dst = append(dst, '[')
				between := ""
				for choice := range Elements(value) {
					dst = append(dst, between...)
					dst = appendIndexed(dst, choice, index)
					between = ","
				}
				dst = append(dst, ']')
			default:
				dst = append(dst, value...)
			}
		}
		dst = append(dst, "}\n"...)
	}
	return dst
}

// ChunkID is the id of the first chunk among whole events of a Stream.
func ChunkID(events []byte) string {
	for line := range bytes.Lines(events) {
		if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok && len(data) > 0 && data[0] == '{' {
			for name, value := range AnswerMembers(data) {
				if name == "id" {
					return textOf(value)
				}
			}
		}
	}
	return ""
}

// AppendMerged appends an answer that has the choices of all, in their order,
// and is otherwise the first, with our counts as its usage. All are answers that
// RewriteAnswer wrote.
func AppendMerged(dst []byte, answers [][]byte, prompt, completion int64) []byte {
	dst = append(dst, '{')
	separator := ""
	for name, value := range AnswerMembers(answers[0]) {
		dst = appendName(dst, &separator, name)
		switch name {
		case "choices":
			dst = append(dst, '[')
			for i, a := range answers {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = appendIndexed(dst, firstChoice(a), i)
			}
			dst = append(dst, ']')
		case "usage":
			dst = appendUsage(dst, prompt, completion)
		default:
			dst = append(dst, value...)
		}
	}
	return append(dst, '}')
}

func firstChoice(answer []byte) []byte {
	for name, value := range AnswerMembers(answer) {
		if name == "choices" {
			for choice := range Elements(value) {
				return choice
			}
		}
	}
	return []byte("{}")
}

// appendIndexed appends a choice as that of an index.
func appendIndexed(dst, choice []byte, index int) []byte {
	dst = append(dst, `{"index":`...)
	dst = strconv.AppendInt(dst, int64(index), 10)
	separator := ","
	for name, value := range AnswerMembers(choice) {
		if name == "index" {
			continue
		}
		dst = appendName(dst, &separator, name)
		dst = append(dst, value...)
	}
	return append(dst, '}')
}

// appendName appends a member's name, which is as it was written, without
// escapes or with.
func appendName(dst []byte, separator *string, name string) []byte {
	dst = append(append(dst, *separator...), '"')
	dst = append(dst, name...)
	*separator = ","
	return append(dst, `":`...)
}
