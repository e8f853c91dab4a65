// Package typo measures how far what somebody typed is from what they may
// have meant.
package typo

// Distance is Levenshtein's: how many bytes to insert, remove or change to
// make one text of the other. It takes time in proportion to the product of
// their lengths.
func Distance(a, b string) int {
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

// Nearest is the name that is fewest changes from what was typed, the first of several, if at most so many; "" if none is.
func Nearest(typed string, names []string, most int) string {
	best := ""
	for _, name := range names {
		if d := Distance(typed, name); d <= most {
			best, most = name, d-1
		}
	}
	return best
}
