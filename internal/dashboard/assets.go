package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
)

//go:embed web
var web embed.FS

// bundle is the page's assets.
type bundle struct {
	folder string // "/assets/9f86d081": changes with any of them
	files  map[string]*file
}

// kindOf are the types of the assets there are, by the end of their names.
var kindOf = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// assets makes every file of web ready that is not a template.
func assets() (bundle, error) {
	contents := map[string][]byte{}
	all := sha256.New()
	err := fs.WalkDir(web, "web", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) == ".html" {
			return err
		}
		if kindOf[path.Ext(name)] == "" {
			return fmt.Errorf("dashboard: nobody said what type %s has", name)
		}
		text, err := web.ReadFile(name)
		fmt.Fprintf(all, "%s %d\n%s", name, len(text), text)
		contents[name] = text
		return err
	})
	if err != nil {
		return bundle{}, err
	}
	b := bundle{folder: "/assets/" + hex.EncodeToString(all.Sum(nil)[:6]), files: map[string]*file{}}
	for name, text := range contents {
		b.files[b.folder+name[len("web"):]] = newFile(text, kindOf[path.Ext(name)], forever)
	}
	return b, nil
}
