package statement

import (
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	_ "embed"

	"vision/internal/ledger"
	"vision/internal/task"
)

// byDay puts usage in the order of days, then tasks and units.
func byDay(rows []ledger.Usage) []ledger.Usage {
	slices.SortStableFunc(rows, func(a, b ledger.Usage) int {
		if c := a.Day.Compare(b.Day); c != 0 {
			return c
		}
		if c := strings.Compare(a.Task, b.Task); c != 0 {
			return c
		}
		return strings.Compare(string(a.Unit), string(b.Unit))
	})
	return rows
}

const (
	dayFormat  = "2006-01-02"
	timeFormat = "2006-01-02 15:04"
)

// Title names the project and the month.
func (s *Statement) Title() string {
	return fmt.Sprintf("Statement of project %s, %s", s.Project.Name, s.From.Format("January 2006"))
}

// Span says what the statement covers, and how final it is.
func (s *Statement) Span() string {
	text := fmt.Sprintf("From %s to %s (UTC), in credits.", s.From.Format(dayFormat), s.To.AddDate(0, 0, -1).Format(dayFormat))
	if s.Provisional {
		text += fmt.Sprintf(" Provisional: the month is not over; booked by %s.", s.Made.Format(timeFormat))
	}
	return text
}

// Line is one line of the summary.
type Line struct {
	Text   string
	Amount string
	Strong bool // a balance
}

// Summary is how the opening balance became the closing one.
func (s *Statement) Summary() []Line {
	lines := []Line{{"Opening balance", s.Opening.String(), true}, {"Deposits", signed(s.Totals.Deposits), false}}
	for _, l := range []struct {
		text   string
		amount ledger.Amount
	}{{"Adjustments", s.Totals.Adjustments}, {"Refunds", s.Totals.Refunds}, {"Made up for by the operator", s.Totals.Cover}} {
		if l.amount != 0 {
			lines = append(lines, Line{l.text, signed(l.amount), false})
		}
	}
	return append(lines, Line{"Charges", signed(-s.Totals.Charges), false}, Line{"Closing balance", s.Closing.String(), true})
}

func signed(a ledger.Amount) string {
	if a > 0 {
		return "+" + a.String()
	}
	return a.String()
}

// Movement is a line of what was paid in, corrected and refunded.
type Movement struct{ At, Kind, Text, Amount string }

// Moved lists the movements as they are shown.
func (s *Statement) Moved() []Movement {
	list := make([]Movement, 0, len(s.Movements))
	for i := range s.Movements {
		t := &s.Movements[i]
		var about []string
		for _, part := range []string{t.Reference, t.Request, t.Note} {
			if part != "" {
				about = append(about, OneLine(part))
			}
		}
		list = append(list, Movement{t.At.UTC().Format(timeFormat), t.Kind.String(), strings.Join(about, ": "), signed(Effect(t))})
	}
	return list
}

// OneLine keeps texts of people from breaking tables, or steering terminals:
// each control character becomes a space.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

// Row is a line of the usage.
type Row struct {
	Day, Task         string
	Requests, Partial int64
	Prompt, Units     int64
	Unit              string
	List, Charged     string
}

// Rows lists the usage as it is shown.
func (s *Statement) Rows() []Row {
	list := make([]Row, 0, len(s.Usage))
	for _, u := range s.Usage {
		list = append(list, Row{Day: u.Day.Format(dayFormat), Task: u.Task, Requests: u.Requests, Partial: u.Partial,
			Prompt: u.Work.Prompt, Units: u.Work.Units, Unit: Plural(u.Unit), List: u.Cost.String(), Charged: u.Charged.String()})
	}
	return list
}

// Plural is what units are called in a table: "tokens".
func Plural(u task.Unit) string { return string(u) + "s" }

// Charges is the sum of the rows' charges.
func (s *Statement) Charges() string { return s.Totals.Charges.String() }

// List is the sum of the rows at list prices.
func (s *Statement) List() string { return s.Totals.List.String() }

// MadeAt is when it was composed.
func (s *Statement) MadeAt() string { return s.Made.Format(time.RFC3339) }

// Text writes the statement for a terminal or a printer of fixed width.
func (s *Statement) Text(out io.Writer) error {
	fmt.Fprintf(out, "%s\n%s\n\n", s.Title(), s.Span())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, l := range s.Summary() {
		fmt.Fprintf(w, "%s\t%s\t\n", pad(l.Text, 28), l.Amount)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if moved := s.Moved(); len(moved) > 0 {
		fmt.Fprint(out, "\nDeposits and corrections\n\n")
		w = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "DATE\tKIND\tAMOUNT\tABOUT")
		for _, m := range moved {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", m.At, m.Kind, m.Amount, m.Text)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if len(s.Usage) == 0 {
		_, err := fmt.Fprint(out, "\nNothing was used.\n")
		return err
	}
	fmt.Fprint(out, "\nUsage\n\n")
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "DAY\tTASK\tREQUESTS\tPARTIAL\tPROMPT\tUNITS\t\tLIST PRICE\tCHARGED\t")
	for _, r := range s.Rows() {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t\n", r.Day, r.Task, r.Requests, r.Partial, r.Prompt, r.Units, r.Unit, r.List, r.Charged)
	}
	fmt.Fprintf(w, "\tTotal\t%d\t\t\t\t\t%s\t%s\t\n", s.Totals.Requests, s.List(), s.Charges())
	return w.Flush()
}

// pad makes a text flush left in a column that is flush right.
func pad(text string, width int) string { return fmt.Sprintf("%-*s", width, text) }

//go:embed statement.html
var pageText string

var pageTemplate = template.Must(template.New("statement").Parse(pageText))

// HTML writes the statement as a page that needs nothing else, to print.
func (s *Statement) HTML(out io.Writer) error { return pageTemplate.Execute(out, s) }
