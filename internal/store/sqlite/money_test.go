package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vision/internal/apikey"
	"vision/internal/ledger"
	"vision/internal/outcome"
	"vision/internal/store"
)

func projectPot(id int64) ledger.Pot { return ledger.Pot{Kind: ledger.ProjectPot, ID: id} }

// leasing takes an exact amount on lease.
func leasing(t testing.TB, s *Store, pot ledger.Pot, amount ledger.Amount) {
	t.Helper()
	got, err := s.Lease(ctx, []ledger.Ask{{Pot: pot, Least: amount, Most: amount}})
	if err != nil || got[0].Amount != amount {
		t.Fatal(got, err)
	}
}

func verified(t testing.TB, what string, s *Store) ledger.Report {
	t.Helper()
	r, err := s.Verify(ctx)
	if err != nil || !r.OK() {
		t.Fatalf("%s: %+v, %v", what, r, err)
	}
	return r
}

// wantBalance checks the balance of the project that funded made.
func wantBalance(t testing.TB, what string, s *Store, project int64, free, leased ledger.Amount) {
	t.Helper()
	list, err := s.Balances(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := ledger.Balance{Project: project, Free: free, Leased: leased}
	if !slices.Contains(list, want) {
		t.Errorf("%s: balances %+v, want %+v", what, list, want)
	}
	verified(t, what, s)
}

// Batches, and what falls out of them: requests that had a receipt, several
// projects, free ones, and a lease that runs dry in the middle.
func TestBatches(t *testing.T) {
	s := unmoved(t, filepath.Join(t.TempDir(), "v.db"), 0)
	defer closed(t, s)
	p, kp := funded(t, s, "p", 1_000_000)
	q, kq := funded(t, s, "q", 1_000_000)
	leasing(t, s, projectPot(p), 300*500)
	leasing(t, s, projectPot(q), 300*100-50) // too little for the last one
	var charged [2]ledger.Amount
	seen := map[string]bool{}
	var entries []outcome.Entry
	for i := range 700 {
		id := i
		if i > 300 && i%97 == 0 {
			id = i - 200 // again
		}
		project, key, of := p, kp.ID, 0
		if i%7 == 3 {
			project, key, of = q, kq.ID, 1
		}
		e := receipted(fmt.Sprintf("req-%026d", id), project, key)
		switch {
		case i%50 == 0:
			e.Receipt.Charged, e.Receipt.Project = 0, apikey.DefaultProject
		case !seen[e.Receipt.Request]:
			charged[of] += 300
		}
		seen[e.Receipt.Request] = true
		entries = append(entries, e)
	}
	if err := s.Record(ctx, entries...); err != nil {
		t.Fatal(err)
	}
	r := verified(t, "after batches", s)
	if r.Receipts != len(seen) || r.Earned != charged[0]+charged[1] {
		t.Errorf("%d receipts and %v earned, want %d and %v", r.Receipts, r.Earned, len(seen), charged[0]+charged[1])
	}
	short := max(0, charged[1]-(300*100-50)) + max(0, charged[0]-300*500)
	if r.Covered != short {
		t.Errorf("%v covered, want %v", r.Covered, short)
	}
	var requests int64
	usage, err := s.Usage(ctx, ledger.UsageQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range usage {
		requests += u.Requests
	}
	if int(requests) != len(seen) {
		t.Errorf("usage counts %d requests of %d", requests, len(seen))
	}
}

// A process that ends between any two steps has its receipts booked and its
// leases returned exactly once, in this order, whoever finds it.
func TestLeasesOfTheDead(t *testing.T) {
	for name, step := range map[string]func(*Store) error{
		"receipts in the journal": func(*Store) error { return nil },
		"receipts booked":         func(s *Store) error { return s.mover.settle(ctx) },
		"segment removed": func(s *Store) error {
			if err := s.mover.settle(ctx); err != nil {
				return err
			}
			return s.journal.Drop(s.journal.Segments()[0])
		},
		"leases returned": func(s *Store) error {
			if err := s.mover.settle(ctx); err != nil {
				return err
			}
			_, err := s.mover.dismiss(ctx, s.process())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "v.db")
			alive := openAt(t, path, Options{})
			defer closed(t, alive)
			p, k := funded(t, alive, "p", 10_000)
			limited, err := alive.CreateKey(ctx, apikey.Key{Project: p, Hash: apikey.HashOf("limited"), SpendLimit: 5000})
			if err != nil {
				t.Fatal(err)
			}
			dead := unmoved(t, path, 0)
			leasing(t, dead, projectPot(p), 4000)
			leasing(t, dead, ledger.Pot{Kind: ledger.AllowancePot, ID: limited.Root}, 1000)
			for i := range 3 {
				if err := dead.Record(ctx, receipted(fmt.Sprint("r", i), p, k.ID)); err != nil {
					t.Fatal(err)
				}
			}
			c := store.Claim{Key: k.ID, Name: "x", Request: "r9", At: time.Unix(1, 0), Expires: time.Unix(100, 0)}
			if _, _, err := dead.Claim(ctx, c); err != nil {
				t.Fatal(err)
			}
			dead.mover.stop()
			_, dead.mover.quit = context.WithCancel(ctx)
			if err := step(dead); err != nil {
				t.Fatal(err)
			}
			// While it lives nobody touches what it has.
			if err := alive.mover.adopt(ctx); err != nil {
				t.Fatal(err)
			}
			if name != "leases returned" {
				list, err := alive.Balances(ctx)
				if err != nil || list[1].Free != 6000 {
					t.Errorf("while the process lives: %+v, %v", list, err)
				}
			}
			crash(t, dead)
			others := []*Store{alive, openAt(t, path, Options{}), openAt(t, path, Options{})}
			for range 2 {
				for _, s := range others {
					if err := s.mover.adopt(ctx); err != nil {
						t.Fatal(err)
					}
					wantBalance(t, "after its end", s, p, 10_000-900, 0)
				}
			}
			spending, err := alive.Spending(ctx)
			if err != nil || spending[limited.Root] != (ledger.Spending{}) || spending[k.ID].Spent != 900 {
				t.Errorf("spending %+v, %v", spending, err)
			}
			if _, known, err := alive.Claim(ctx, c); err != nil || known {
				t.Errorf("the dead process's claim is known: %t, %v", known, err)
			}
			for _, s := range others[1:] {
				closed(t, s)
			}
			if left, _ := filepath.Glob(path + "-outcomes/" + dead.process() + "*"); len(left) > 0 {
				t.Errorf("files left: %v", left)
			}
		})
	}
}

// Every kind of tampering with the database is found.
func TestVerifyFindsTampering(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	s := openAt(t, path, Options{})
	defer closed(t, s)
	p, k := funded(t, s, "p", 10_000)
	q, _ := funded(t, s, "q", 5000)
	limited, err := s.CreateKey(ctx, apikey.Key{Project: p, Hash: apikey.HashOf("limited"), SpendLimit: 5000})
	if err != nil {
		t.Fatal(err)
	}
	leasing(t, s, projectPot(p), 5000)
	leasing(t, s, ledger.Pot{Kind: ledger.AllowancePot, ID: limited.Root}, 1000)
	for i := range 5 {
		key := k.ID
		if i == 4 {
			key = limited.ID
		}
		if err := s.Record(ctx, receipted(fmt.Sprint("r", i), p, key)); err != nil {
			t.Fatal(err)
		}
	}
	free := receipted("rf", apikey.DefaultProject, k.ID)
	free.Receipt.Charged = 0
	if err := s.Record(ctx, free); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refund(ctx, "r1", 100, "slow", time.Unix(1_800_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	verified(t, "before", s)
	for name, c := range map[string]struct {
		statement string
		want      string
	}{
		"a larger deposit":                       {`UPDATE transfers SET amount = amount + 1 WHERE kind = 1`, ledger.WrongBalance},
		"a smaller charge":                       {`UPDATE transfers SET amount = 299 WHERE request = 'r2'`, ledger.WrongCharge},
		"a deposit to another project":           {`UPDATE transfers SET target = (SELECT target FROM transfers WHERE id = 2), project = ` + fmt.Sprint(q) + ` WHERE id = 1`, ledger.WrongBalance},
		"a transaction between strange accounts": {`UPDATE transfers SET kind = 4 WHERE id = 1`, ledger.BadTransaction},
		"an account that is not there":           {`UPDATE transfers SET source = 999 WHERE id = 1`, ledger.BadTransaction},
		"a deleted deposit":                      {`DELETE FROM transfers WHERE id = 1`, ledger.MissingID},
		"a deleted charge":                       {`DELETE FROM transfers WHERE request = 'r3' AND kind = 5`, ledger.NoCharge},
		"the last transaction deleted":           {`DELETE FROM transfers WHERE id = (SELECT max(id) FROM transfers)`, ledger.WrongBalance},
		"a balance":                              {`UPDATE accounts SET balance = balance + 1 WHERE kind = 2 AND project = ` + fmt.Sprint(p), ledger.WrongBalance},
		"money moved between balances":           {`UPDATE accounts SET balance = balance + CASE project WHEN ` + fmt.Sprint(p) + ` THEN 5 ELSE -5 END WHERE kind = 2 AND project <> 1`, ledger.WrongBalance},
		"money made from nothing":                {`UPDATE accounts SET balance = balance + 1000 WHERE kind = 1`, ledger.TotalNotZero},
		"a deleted receipt":                      {`DELETE FROM receipts WHERE request = 'r2'`, ledger.NoReceipt},
		"a deleted free receipt":                 {`DELETE FROM receipts WHERE request = 'rf'`, ledger.WrongUsage},
		"a receipt made up":                      {`INSERT INTO receipts SELECT 'r99', project, key, task, at, unit, prompt, units, price_prompt, price_output, cost, charged, class, miner, tries, transfer FROM receipts WHERE request = 'r2'`, ledger.NoCharge},
		"a receipt that charges less":            {`UPDATE receipts SET charged = 0 WHERE request = 'r2'`, ledger.WrongCharge},
		"a receipt of fewer tokens":              {`UPDATE receipts SET units = 1 WHERE request = 'r2'`, ledger.WrongReceipt},
		"a receipt at another price":             {`UPDATE receipts SET price_output = 1 WHERE request = 'r2'`, ledger.WrongReceipt},
		"a receipt of another key":               {`UPDATE receipts SET key = 77 WHERE request = 'r2'`, ledger.WrongUsage},
		"a receipt of another project":           {`UPDATE receipts SET project = ` + fmt.Sprint(q) + ` WHERE request = 'r2'`, ledger.WrongCharge},
		"a refund of too much":                   {`UPDATE transfers SET amount = 301 WHERE kind = 6`, ledger.OverRefund},
		"a refund of no request":                 {`UPDATE transfers SET request = 'r98' WHERE kind = 6`, ledger.NoReceipt},
		"usage":                                  {`UPDATE usage SET requests = requests + 1`, ledger.WrongUsage},
		"deleted usage":                          {`DELETE FROM usage`, ledger.WrongUsage},
		"what a key has spent":                   {`UPDATE spending SET spent = spent - 1`, ledger.WrongSpending},
		"a limit that was exceeded":              {`UPDATE keys SET spend_limit = 999 WHERE spend_limit > 0`, ledger.WrongSpending},
		"a lease without a process":              {`DELETE FROM processes`, ledger.StrayLease},
		"a balance below 0":                      {`PRAGMA ignore_check_constraints = 1; UPDATE accounts SET balance = -1 WHERE kind = 2 AND project = ` + fmt.Sprint(p), ledger.NegativeBalance},
		"the guards":                             {`SELECT 1`, ledger.NotAppendOnly},
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "copy.db")
			if _, err := s.writer.conn.ExecContext(ctx, `VACUUM INTO ?`, copied); err != nil {
				t.Fatal(err)
			}
			conn := bare(t, copied)
			for _, guard := range guards {
				if _, err := conn.ExecContext(ctx, `DROP TRIGGER `+guard); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := conn.ExecContext(ctx, c.statement); err != nil {
				t.Fatal(err)
			}
			report, err := audit(ctx, conn)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(report.Problems, func(p ledger.Problem) bool { return p.Code == c.want }) {
				t.Errorf("%q is not among the problems: %+v", c.want, report.Problems)
			}
			if c.want != ledger.NotAppendOnly && len(report.Problems) <= len(guards) {
				t.Errorf("only the guards' absence was found: %+v", report.Problems)
			}
		})
	}
}

// The guards refuse changes of the ledger, whoever makes them.
func TestAppendOnly(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "v.db"), Options{})
	defer closed(t, s)
	p, k := funded(t, s, "p", 10_000)
	leasing(t, s, projectPot(p), 5000)
	if err := s.Record(ctx, receipted("r", p, k.ID)); err != nil {
		t.Fatal(err)
	}
	verified(t, "before", s)
	for _, statement := range []string{
		`UPDATE transfers SET amount = 1`, `DELETE FROM transfers`, `UPDATE receipts SET units = 1`, `DELETE FROM receipts`,
		`UPDATE accounts SET balance = -1 WHERE kind = 2`, `INSERT INTO transfers SELECT 99, at, kind, source, target, 0, project, request, note, '' FROM transfers`,
	} {
		if _, err := s.writer.conn.ExecContext(ctx, statement); err == nil {
			t.Errorf("%s was done", statement)
		}
	}
	verified(t, "after", s)
}

func TestMoneyReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	s := openAt(t, path, Options{})
	defer closed(t, s)
	p, k := funded(t, s, "p", 10_000)
	leasing(t, s, projectPot(p), 1000)
	if err := s.Record(ctx, receipted("r", p, k.ID)); err != nil {
		t.Fatal(err)
	}
	wantBalance(t, "written", s, p, 9000, 700)
	r := openAt(t, path, Options{ReadOnly: true})
	defer closed(t, r)
	wantBalance(t, "read only", r, p, 9000, 700)
	if got, err := r.Receipt(ctx, "r"); err != nil || got.Charged != 300 {
		t.Errorf("read only: %+v, %v", got, err)
	}
	for name, call := range map[string]func() error{
		"Deposit": func() error { _, err := r.Deposit(ctx, p, 1, "", "", time.Unix(1, 0)); return err },
		"Lease":   func() error { _, err := r.Lease(ctx, nil); return err },
		"Wanted":  func() error { _, err := r.Wanted(ctx); return err },
		"Claim":   func() error { _, _, err := r.Claim(ctx, store.Claim{}); return err },
		"Beat":    func() error { _, err := r.Beat(ctx, time.Unix(1, 0), time.Unix(1, 0)); return err },
		"Refund":  func() error { _, err := r.Refund(ctx, "r", 1, "", time.Unix(1, 0)); return err },
	} {
		if err := call(); !errors.Is(err, errReadOnly) {
			t.Errorf("%s of a read-only store: %v", name, err)
		}
	}
}

// The queries on the path of holds, booking and statements never read a whole table.
func TestMoneyPlans(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "v.db"), Options{})
	defer closed(t, s)
	receipts, receiptArgs := receiptsOf(ledger.ReceiptQuery{Project: 1, From: time.Unix(1, 0), To: time.Unix(2, 0), After: &ledger.Receipt{Request: "r", At: time.Unix(1, 0)}}, 9)
	deposits, depositArgs := transactionsOf(ledger.TransactionQuery{Project: 1, Kinds: []ledger.Kind{ledger.Deposit, ledger.Refund}}, 9)
	usage, usageArgs := usageOf(ledger.UsageQuery{Project: 1, From: time.Unix(1, 0), By: ledger.ByKey})
	for name, c := range map[string]struct {
		text string
		args []any
		want string
	}{
		"an account":       {findAccount, []any{1, "", 1}, "SEARCH accounts USING INDEX sqlite_autoindex_accounts_1 (kind=? AND process=? AND project=?)"},
		"leases elsewhere": {leasedElsewhere, []any{1, ""}, "SEARCH accounts USING INDEX accounts_leased (project=?)"},
		"allowances":       {allowedElsewhere, []any{"", 1}, "SEARCH allowances USING PRIMARY KEY (root=?)"},
		"wants":            {wantedByOthers, []any{1, 1, "", 1}, "SEARCH wants USING PRIMARY KEY (kind=? AND id=?)"},
		"receipts":         {receipts, receiptArgs, "SEARCH receipts USING INDEX receipts_project (project=?"},
		"deposits":         {deposits, depositArgs, "SEARCH t USING INDEX transfers_other (project=?"},
		"usage":            {usage, usageArgs, "SEARCH usage USING PRIMARY KEY (project=? AND day>?)"},
		"refunds":          {refundsOf, []any{"r"}, "SEARCH transfers USING INDEX transfers_refunds (request=?)"},
		"a claim":          {findClaim, []any{1, "x"}, "SEARCH claims USING INDEX sqlite_autoindex_claims_1 (key=? AND name=?)"},
	} {
		steps, err := query(ctx, s.reads, func(r *sql.Rows) (step string, err error) {
			var a, b, c int
			return step, r.Scan(&a, &b, &c, &step)
		}, "EXPLAIN QUERY PLAN "+c.text, c.args...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		plan := strings.Join(steps, "; ")
		if !strings.Contains(plan, c.want) || strings.Contains(plan, "SCAN ") {
			t.Errorf("%s: plan %q, want %q", name, plan, c.want)
		}
	}
}
