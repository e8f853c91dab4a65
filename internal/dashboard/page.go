package dashboard

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"
)

// view is what web/index.html is filled with.
type view struct {
	Name   string
	Notice []string // paragraphs
	Assets string   // their folder, relative to the page
	Groups []group  // of the API's operations
}

// page writes the page. It holds nothing that changes while the program runs;
// what does, its scripts read from StatusPath.
func page(c Config, folder string, document []byte) ([]byte, error) {
	groups, err := reference(document)
	if err != nil {
		return nil, err
	}
	v := view{Name: c.Name, Assets: strings.TrimPrefix(folder, "/"), Groups: groups}
	for p := range strings.SplitSeq(strings.ReplaceAll(c.Notice, "\r\n", "\n"), "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			v.Notice = append(v.Notice, p)
		}
	}
	t, err := template.ParseFS(web, "web/*.html")
	if err != nil {
		return nil, fmt.Errorf("dashboard: the page's templates: %w", err)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "index.html", v); err != nil {
		return nil, fmt.Errorf("dashboard: the page: %w", err)
	}
	return b.Bytes(), nil
}
