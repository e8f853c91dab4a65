package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vision/internal/ledger"
)

// payer serves as a gateway does, out of purses, and prints each request after
// its receipt was acknowledged.
func payer(path, who string) int {
	s, err := Open(ctx, path, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var project, key int64
	if _, err := fmt.Sscan(who, &project, &key); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	purses := ledger.NewPurses(s)
	go purses.Run(ctx, time.NewTicker(20*time.Millisecond).C)
	purse := purses.Purse(project, key)
	acknowledged := make(chan string)
	pid := os.Getpid()
	for c := range 4 {
		go func() {
			for i := 0; ; i++ {
				h, err := purse.Hold(ctx, 500)
				if err != nil {
					time.Sleep(time.Millisecond) // all is spent, or it is on lease to the dead
					continue
				}
				e := receipted(fmt.Sprintf("%d/%d/%d", pid, c, i), project, key)
				if err := s.Record(ctx, e); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				h.Settle(e.Receipt.Charged)
				acknowledged <- e.Outcome.Request
				time.Sleep(200 * time.Microsecond) // or auditing them all takes the test's time
			}
		}()
	}
	fmt.Println("ready")
	for id := range acknowledged {
		fmt.Println(id)
	}
	return 0
}

// Processes that serve from one balance are killed at any moment. Each receipt
// that was acknowledged is booked once, each lease is returned once, and at
// every point the books are in order.
func TestKillPayers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "v.db")
	survivor := openAt(t, path, Options{})
	const balance = 1_000_000_000
	p, k := funded(t, survivor, "p", balance)
	env := payerEnv + "=" + fmt.Sprint(p, " ", k.ID)
	if _, err := survivor.writer.conn.ExecContext(ctx, `UPDATE keys SET spend_limit = ?`, balance/2); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]bool{}
	for round := range 6 {
		both := make(chan []string, 2)
		for range 2 {
			go func() { both <- killed(t, path, env) }()
		}
		for range 2 {
			for _, id := range <-both {
				acknowledged[id] = true
			}
		}
		if round < 2 {
			verified(t, "with leases of the dead", survivor)
		}
		if round%3 == 2 {
			closed(t, survivor)
			survivor = openAt(t, path, Options{}) // books and returns
		} else if err := survivor.mover.adopt(ctx); err != nil {
			t.Fatal(err)
		}
		r := verified(t, "after the dead", survivor)
		if r.Earned != ledger.Amount(r.Receipts)*300 || r.Covered != 0 || r.Receipts < len(acknowledged) {
			t.Fatalf("%d receipts acknowledged; the audit says %+v", len(acknowledged), r)
		}
		list, err := survivor.Balances(ctx)
		if err != nil || list[1] != (ledger.Balance{Project: p, Free: balance - r.Earned}) {
			t.Fatalf("balances %+v, %v; earned %v", list, err, r.Earned)
		}
		spending, err := survivor.Spending(ctx)
		if err != nil || spending[k.Root] != (ledger.Spending{Spent: r.Earned}) {
			t.Fatalf("spending %+v, %v; earned %v", spending, err, r.Earned)
		}
	}
	booked := map[string]bool{}
	var after *ledger.Receipt
	for {
		list, err := survivor.Receipts(ctx, ledger.ReceiptQuery{Project: p, After: after}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, r := range list {
			booked[r.Request] = true
		}
		after = &list[len(list)-1]
	}
	lost := 0
	for id := range acknowledged {
		if !booked[id] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged receipts are lost", lost, len(acknowledged))
	}
	closed(t, survivor)
	if left, _ := filepath.Glob(path + "-outcomes/*"); len(left) > 0 {
		t.Errorf("files left: %v", left)
	}
	t.Logf("12 processes killed, %d receipts acknowledged, %d booked", len(acknowledged), len(booked))
}
