package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"vision/internal/typo"
)

// suggest names the key that was probably meant, or all there are.
func suggest(key string, fields map[string]reflect.Value) string {
	names := slices.Sorted(maps.Keys(fields))
	if best := typo.Nearest(key, names, 2); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; the keys here are " + strings.Join(names, ", ")
}
