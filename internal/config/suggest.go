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
	best, distance := "", 3
	for _, name := range names {
		if d := typo.Distance(key, name); d < distance {
			best, distance = name, d
		}
	}
	if best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; the keys here are " + strings.Join(names, ", ")
}
