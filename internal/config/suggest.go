package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// suggest names the key that was probably meant, or all there are.
func suggest(key string, fields map[string]reflect.Value) string {
	names := slices.Sorted(maps.Keys(fields))
	best, distance := "", 3
	for _, name := range names {
		if d := editDistance(key, name); d < distance {
			best, distance = name, d
		}
	}
	if best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; the keys here are " + strings.Join(names, ", ")
}

// editDistance is Levenshtein's, in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
