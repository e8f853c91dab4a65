package imports

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// pkg is a folder with Go files that ship.
type pkg struct {
	path string // below internal/ or the module's root
	name string
	uses []use
}

// use is an import, or the mention of something that an import exports.
type use struct {
	at     string // file:line
	pkg    string // the import's path
	symbol string // empty for the import itself
}

// read finds the packages in a module's tree, in order.
func read(tree fs.FS) ([]pkg, error) {
	var found []pkg
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			return nil
		case name != "." && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		}
		p, err := readFolder(tree, name)
		if err == nil && p.name != "" {
			found = append(found, p)
		}
		return err
	})
	return found, err
}

func readFolder(tree fs.FS, folder string) (pkg, error) {
	p := pkg{path: strings.TrimPrefix(folder, "internal/")}
	files, err := fs.ReadDir(tree, folder)
	if err != nil {
		return p, err
	}
	for _, f := range files {
		if f.IsDir() || !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		text, err := fs.ReadFile(tree, path.Join(folder, f.Name()))
		if err != nil {
			return p, err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path.Join(folder, f.Name()), text, parser.SkipObjectResolution)
		if err != nil {
			return p, fmt.Errorf("read the imports: %w", err)
		}
		p.name = file.Name.Name
		p.uses = append(p.uses, usesIn(set, file)...)
	}
	return p, nil
}

// usesIn lists a file's imports and every mention name.Symbol of one.
func usesIn(set *token.FileSet, file *ast.File) []use {
	at := func(n ast.Node) string {
		p := set.Position(n.Pos())
		return fmt.Sprintf("%s:%d", p.Filename, p.Line)
	}
	var uses []use
	named := map[string]string{}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has refused it already
		}
		uses = append(uses, use{at: at(spec), pkg: imported})
		name := path.Base(strings.TrimSuffix(imported, "/v2"))
		if spec.Name != nil {
			name = spec.Name.Name
		}
		named[name] = imported
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && named[x.Name] != "" {
				uses = append(uses, use{at: at(s), pkg: named[x.Name], symbol: s.Sel.Name})
			}
		}
		return true
	})
	return uses
}
