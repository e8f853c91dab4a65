package config

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Problem is one mistake. Field is a YAML path such as "tasks[2].weight".
type Problem struct {
	File    string
	Line    int // 1-based; 0 if it belongs to no line
	Field   string
	Message string
}

func (p Problem) String() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	if p.Field == "" {
		return where + ": " + p.Message
	}
	return where + ": " + p.Field + ": " + p.Message
}

// Problems is an error that holds every mistake found.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Checker is a configuration that knows more of what is right than its types
// say. Check reports each mistake by its path below the struct.
type Checker interface {
	Check(report func(field, format string, args ...any))
}

// Rooted is a configuration that names other files. Paths in a file are
// relative to the file's own folder, wherever the program is started.
type Rooted interface {
	Root(folder string)
}

// Below is a path as a file in folder names it: "", absolute ones and ones that
// begin with ~ stay as they are.
func Below(folder, path string) string {
	if path == "" || filepath.IsAbs(path) || strings.HasPrefix(path, "~") {
		return path
	}
	return filepath.Join(folder, path)
}

// maxFile bounds a configuration file, in bytes.
const maxFile = 4 << 20

// Load reads a file onto into, a pointer to a struct that holds the defaults.
// Its error is Problems, or says why the file could not be read.
func Load(file string, into any) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("open configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fmt.Errorf("read configuration %s: %w", file, err)
	}
	if len(text) > maxFile {
		return Problems{{File: file, Message: fmt.Sprintf("is larger than %d bytes", maxFile)}}
	}
	return Parse(file, text, into)
}

// Parse is Load for text already read; file is only named in mistakes.
func Parse(file string, text []byte, into any) error {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return Problems{{File: file, Message: strings.TrimPrefix(err.Error(), "yaml: ")}}
	}
	d := decoder{file: file, lines: map[string]int{}, listed: map[string]bool{}}
	if len(root.Content) > 0 {
		d.decode(root.Content[0], reflect.ValueOf(into).Elem(), "")
	}
	if rooted, ok := into.(Rooted); ok {
		rooted.Root(filepath.Dir(file))
	}
	if checker, ok := into.(Checker); ok {
		checker.Check(func(field, format string, args ...any) {
			// A value that could not be read keeps its default: one mistake, not two.
			if !d.reported(field) {
				d.report(d.line(field), field, format, args...)
			}
		})
	}
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
	return d.problems
}

type decoder struct {
	file     string
	lines    map[string]int  // where each path stands
	listed   map[string]bool // paths whose keys were listed, all of them, after an unknown one
	problems Problems
	depth    int
}

// maxDepth bounds nesting: an alias may stand inside its own anchor.
const maxDepth = 32

func (d *decoder) report(line int, field, format string, args ...any) {
	d.problems = append(d.problems, Problem{d.file, line, field, fmt.Sprintf(format, args...)})
}

func (d *decoder) reported(field string) bool {
	return slices.ContainsFunc(d.problems, func(p Problem) bool { return p.Field == field })
}

// line finds a path's line, or its nearest ancestor's.
func (d *decoder) line(path string) int {
	for path != "" {
		if n, ok := d.lines[path]; ok {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 0
}

func (d *decoder) decode(node *yaml.Node, into reflect.Value, path string) {
	if d.depth++; d.depth > maxDepth {
		d.report(node.Line, path, "is nested more than %d deep", maxDepth)
		return
	}
	defer func() { d.depth-- }()
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if path != "" {
		d.lines[path] = node.Line
	}
	if node.Tag == "!!null" {
		return // a key with nothing behind it keeps its default
	}
	if into.Kind() == reflect.Pointer {
		if into.IsNil() {
			into.Set(reflect.New(into.Type().Elem()))
		}
		d.decode(node, into.Elem(), path)
		return
	}
	_, text := into.Addr().Interface().(encoding.TextUnmarshaler)
	switch {
	case !text && into.Kind() == reflect.Struct:
		d.decodeStruct(node, into, path)
	case !text && into.Kind() == reflect.Slice && into.Type().Elem().Kind() != reflect.Uint8:
		d.decodeSlice(node, into, path)
	case !text && into.Kind() == reflect.Map:
		d.decodeMap(node, into, path)
	default:
		d.decodeScalar(node, into, path)
	}
}

func (d *decoder) decodeStruct(node *yaml.Node, into reflect.Value, path string) {
	if node.Kind != yaml.MappingNode {
		d.report(node.Line, path, "want keys and values, not %s", kindName(node))
		return
	}
	fields := map[string]reflect.Value{}
	collectFields(into, fields)
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		at := join(path, key.Value)
		field, ok := fields[key.Value]
		if !ok {
			d.report(key.Line, at, "unknown key%s", d.suggest(path, key.Value, fields))
			continue
		}
		if first, again := seen[key.Value]; again {
			d.report(key.Line, at, "stands on line %d already", first)
			continue
		}
		seen[key.Value] = key.Line
		d.lines[at] = key.Line
		d.decode(value, field, at)
	}
}

func (d *decoder) decodeSlice(node *yaml.Node, into reflect.Value, path string) {
	if node.Kind != yaml.SequenceNode {
		d.report(node.Line, path, "want a list, not %s", kindName(node))
		return
	}
	list := reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		d.decode(item, list.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	into.Set(list)
}

func (d *decoder) decodeMap(node *yaml.Node, into reflect.Value, path string) {
	if node.Kind != yaml.MappingNode {
		d.report(node.Line, path, "want keys and values, not %s", kindName(node))
		return
	}
	m := reflect.MakeMap(into.Type())
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := reflect.New(into.Type().Key()).Elem()
		value := reflect.New(into.Type().Elem()).Elem()
		d.decodeScalar(node.Content[i], key, path)
		d.decode(node.Content[i+1], value, join(path, node.Content[i].Value))
		m.SetMapIndex(key, value)
	}
	into.Set(m)
}

var durationType = reflect.TypeFor[time.Duration]()

func (d *decoder) decodeScalar(node *yaml.Node, into reflect.Value, path string) {
	if node.Kind != yaml.ScalarNode {
		d.report(node.Line, path, "want %s, not %s", typeName(into.Type()), kindName(node))
		return
	}
	if into.Type() == durationType {
		v, err := time.ParseDuration(node.Value)
		if err != nil {
			d.report(node.Line, path, "%q is not a duration: write a number and a unit, such as 500ms, 60s or 1h", node.Value)
			return
		}
		into.SetInt(int64(v))
		return
	}
	if into.Kind() == reflect.String && node.Tag != "!!str" && node.Tag != "!!timestamp" {
		// 1.10 and yes are texts where a text is wanted.
		into.SetString(node.Value)
		return
	}
	if node.Tag == "!!float" && into.CanInt() || node.Tag == "!!float" && into.CanUint() {
		// The YAML package would cut the fraction off in silence.
		if v, err := strconv.ParseFloat(node.Value, 64); err != nil || v != math.Trunc(v) {
			d.report(node.Line, path, "%q is not a whole number", node.Value)
			return
		}
	}
	fresh := reflect.New(into.Type())
	if err := node.Decode(fresh.Interface()); err != nil {
		var typeErr *yaml.TypeError
		if errors.As(err, &typeErr) {
			d.report(node.Line, path, "%q is not %s", node.Value, typeName(into.Type()))
		} else {
			d.report(node.Line, path, "%v", err)
		}
		return
	}
	into.Set(fresh.Elem())
}

// collectFields maps YAML keys to a struct's settable fields, embedded structs' included.
func collectFields(v reflect.Value, into map[string]reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case options == "inline":
			collectFields(v.Field(i), into)
		case name != "":
			into[name] = v.Field(i)
		default:
			into[strings.ToLower(f.Name)] = v.Field(i)
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", n.Value)
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number, at least 0"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	}
	return "a text"
}
