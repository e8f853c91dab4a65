package main

import (
	"encoding"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"vision/internal/config"
	"vision/internal/node"
)

// A template must show every key that a configuration has, or at least tell of
// it in a comment, and no other.
func TestTemplatesShowEveryKey(t *testing.T) {
	folder := t.TempDir()
	if code := run(t.Context(), []string{"init", "network", "--dir", folder, "--miners", "1"}, nil, io.Discard, os.Stderr); code != exitOK {
		t.Fatalf("init: exit code %d", code)
	}
	for name, c := range map[string]any{
		"miner-1":   &node.MinerConfig{},
		"validator": &node.ValidatorConfig{},
		"checker":   &node.CheckerConfig{},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(folder, name+".yaml")
			if err := config.Load(file, c); err != nil { // fails on keys that are none
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			shown := map[string]bool{}
			var root yaml.Node
			if err := yaml.Unmarshal(text, &root); err != nil {
				t.Fatal(err)
			}
			yamlKeys(root.Content[0], "", shown)
			comments := strings.Join(regexp.MustCompile(`(?m)#.*$`).FindAllString(string(text), -1), "\n")
			for _, key := range slices.Sorted(maps.Keys(structKeys(reflect.TypeOf(c).Elem(), ""))) {
				last := key[strings.LastIndex(key, ".")+1:]
				told := regexp.MustCompile(`\b` + last + `:`).MatchString(comments)
				if !shown[key] && !told {
					t.Errorf("the template does not show the key %s, nor tell of it as `%s:` in a comment", key, last)
				}
			}
		})
	}
}

// yamlKeys notes every key's path; items of a list share theirs.
func yamlKeys(n *yaml.Node, path string, into map[string]bool) {
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			yamlKeys(item, path, into)
		}
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			at := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
			into[at] = true
			yamlKeys(n.Content[i+1], at, into)
		}
	}
}

var unmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

// structKeys lists the paths of a configuration's keys.
func structKeys(t reflect.Type, path string) map[string]bool {
	keys := map[string]bool{}
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(unmarshaler) {
		return keys
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		at := path
		switch {
		case options == "inline":
		case name == "":
			panic(fmt.Sprintf("%v.%s has no yaml name", t, f.Name))
		default:
			at = strings.TrimPrefix(path+"."+name, ".")
			keys[at] = true
		}
		maps.Copy(keys, structKeys(f.Type, at))
	}
	return keys
}
