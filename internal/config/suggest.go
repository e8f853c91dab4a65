package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"vision/internal/typo"
)

// suggest names the key that was probably meant, or all that there are below a path, once.
func (d *decoder) suggest(path, key string, fields map[string]reflect.Value) string {
	names := slices.Sorted(maps.Keys(fields))
	if best := typo.Nearest(key, names, 2); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	if d.listed[path] {
		return ""
	}
	d.listed[path] = true
	return "; the keys here are " + strings.Join(names, ", ")
}
