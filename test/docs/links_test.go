// Package docs tests that the documents lead where they say.
package docs

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the repository's, from here.
const root = "../.."

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`^#{1,6} (.+)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N}_\- ]`)
	number  = regexp.MustCompile(`^\d+[.:] `)
)

// documents reads all Markdown files, by their paths from the root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".md":
			return nil
		}
		text, err := os.ReadFile(file)
		name, relErr := filepath.Rel(root, file)
		if err == nil {
			err = relErr
		}
		all[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if all["README.md"] == "" {
		t.Fatal("there is no README.md")
	}
	return all
}

// anchors are what a document's headings can be linked by, as GitHub makes them.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	fenced := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if m := heading.FindStringSubmatch(line); m != nil && !fenced {
			found[strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(strings.TrimSpace(m[1])), ""), " ", "-")] = true
		}
	}
	return found
}

// Every link from one document to another leads to a file that is there, and to a heading that it has.
func TestLinksLeadSomewhere(t *testing.T) {
	all := documents(t)
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			to := path.Join(path.Dir(name), file)
			if file == "" {
				to = name
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(to))); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			} else if anchor != "" && !anchors(all[to])[anchor] {
				t.Errorf("%s links to %s, and %s has no such heading", name, m[1], to)
			}
		}
	}
}

// The index of decisions has a line for each, with the title that it has.
func TestDecisionsAreIndexed(t *testing.T) {
	const folder = "docs/decisions/"
	all := documents(t)
	index := all[folder+"README.md"]
	for name, text := range all {
		file, is := strings.CutPrefix(name, folder)
		if !is || file == "README.md" {
			continue
		}
		first, _, _ := strings.Cut(text, "\n")
		title := number.ReplaceAllString(strings.TrimPrefix(first, "# "), "")
		line := "| [" + file[:3] + "](" + file + ") | " + strings.ToUpper(title[:1]) + title[1:] + " |"
		if !strings.Contains(index, line) {
			t.Errorf("%sREADME.md has no line %s", folder, line)
		}
	}
}
