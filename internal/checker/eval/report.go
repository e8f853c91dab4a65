package eval

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Text writes the report for a terminal.
func (r *Report) Text(w io.Writer) error { return r.print(w, false) }

// Markdown writes it for docs.
func (r *Report) Markdown(w io.Writer) error { return r.print(w, true) }

func (r *Report) print(w io.Writer, markdown bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Bounds: %s", r.Bounds)
	for i, c := range r.Calibration {
		sep := "; "
		if i == 0 {
			sep = " on "
		}
		fmt.Fprintf(&b, "%s%s (%d responses, %d tokens)", sep, c.Name, c.Responses, c.Tokens)
	}
	b.WriteString(".\n")
	for _, m := range r.Modes {
		if markdown {
			fmt.Fprintf(&b, "\n### %s\n\n", m.Name)
		} else {
			fmt.Fprintf(&b, "\n%s\n", m.Name)
		}
		fmt.Fprintf(&b, "Honest: %d responses of %d tokens together; mean E %.3f ± %.3f, largest %.3g; %d false convictions in %d lifetimes of %d responses.\n",
			m.Responses, m.Tokens, m.MeanE, m.MeanEError, m.Most, m.FalseConvictions, m.Lifetimes, m.Lifetime)
		fmt.Fprintf(&b, "Checking took %.2f of the time of writing the same again. The old rule's ranks fail %s of the honest.\n\n", m.CostPerToken, percent(m.OldRanks))
		head := []string{"cheat", "one response", "64 tokens", "128", "512", "2,048", "tokens: median", "99%", "responses: median", "99%", "old: ranks", "old: distance, 512"}
		rows := [][]string{head}
		for _, c := range m.Classes {
			row := []string{c.Label, percent(c.One)}
			for _, f := range c.Found {
				row = append(row, percent(f))
			}
			rows = append(rows, append(row, number(c.Tokens), number(c.MostToken), number(c.Median), number(c.Most), percent(c.OldRanks), percent(c.OldFound)))
		}
		table(&b, rows, markdown)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// plain cheats are those that every evaluation must find, at 512 tokens.
var plain = []string{"2 bits", "another model", "malformed stream"}

// Check says what is wrong with the checker by this report: an honest miner
// convicted, e-values that are none, or a plain cheat that passes.
func (r *Report) Check() error {
	var wrong []error
	for _, m := range r.Modes {
		if m.FalseConvictions > 0 {
			wrong = append(wrong, fmt.Errorf("%s: %d of %d honest miners convicted", m.Name, m.FalseConvictions, m.Lifetimes))
		}
		if !(m.MeanE <= 1+4*m.MeanEError) {
			wrong = append(wrong, fmt.Errorf("%s: the mean evidence against honest responses is %.3f ± %.3f, want at most 1", m.Name, m.MeanE, m.MeanEError))
		}
		for _, c := range m.Classes {
			if slices.Contains(plain, c.Label) && c.Found[slices.Index(Lengths, 512)] < 0.95 {
				wrong = append(wrong, fmt.Errorf("%s: %s is found in %s of miners at 512 tokens", m.Name, c.Label, percent(c.Found[2])))
			}
		}
	}
	return errors.Join(wrong...)
}

func percent(x float64) string {
	if s := fmt.Sprintf("%.1f%%", 100*x); s != "100.0%" && s != "0.0%" || x != 0 && x != 1 {
		return s
	}
	return fmt.Sprintf("%.0f%%", 100*x)
}

func number(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func table(b *strings.Builder, rows [][]string, markdown bool) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for n, row := range rows {
		if markdown {
			fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
			if n == 0 {
				b.WriteString(strings.Repeat("| --- ", len(row)) + "|\n")
			}
			continue
		}
		for i, cell := range row {
			if i == 0 {
				fmt.Fprintf(b, "  %-*s", widths[i], cell)
			} else {
				fmt.Fprintf(b, "  %*s", widths[i], cell)
			}
		}
		b.WriteString("\n")
	}
}
