package ledger

import (
	"fmt"
	"time"

	"vision/internal/hotkey"
	"vision/internal/task"
)

// Class is how the request of a receipt ended.
type Class uint8

const (
	Complete Class = iota // the whole answer was delivered
	Partial               // the customer hung up, and pays for what was delivered
)

func (c Class) String() string {
	switch c {
	case Complete:
		return "complete"
	case Partial:
		return "partial"
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// Receipt is what a customer got and what it cost. A request has one receipt,
// or none: a request that failed, or whose answer was empty or truncated by a
// miner, has none, and costs nothing.
type Receipt struct {
	Request string // request id; unique
	Project int64  // > 0
	Key     int64  // > 0
	Task    string
	At      time.Time  // when the request ended
	Unit    task.Unit  // of Work.Units
	Work    task.Work  // exactly the usage in the response
	Price   task.Price // of the catalogue that the request was read with
	Cost    Amount     // Work at Price
	Charged Amount     // Cost; 0 in a free project
	Class   Class
	Miner   hotkey.ID // who served it
	Tries   int       // miners asked, >= 1
}

// Bounds of a receipt, so that no sum of receipts that a day can hold overflows.
const (
	MaxCost = 1_000_000 * Credit
	MaxWork = 1_000_000_000_000 // units
)

// Check says what is wrong with a receipt; one that passes can be booked.
func (r *Receipt) Check() error {
	cost, err := Cost(r.Price, r.Work)
	switch {
	case err != nil:
		return err
	case r.Request == "" || r.Project <= 0 || r.Key <= 0:
		return fmt.Errorf("the receipt %.60q names project %d and key %d: want a request and numbers above 0", r.Request, r.Project, r.Key)
	case r.Cost != cost:
		return fmt.Errorf("the receipt %.60q says that it costs %d micro-credits, but that is %d", r.Request, int64(r.Cost), int64(cost))
	case r.Charged != 0 && r.Charged != r.Cost:
		return fmt.Errorf("the receipt %.60q charges %d of %d micro-credits: want all or nothing", r.Request, int64(r.Charged), int64(r.Cost))
	case r.Class > Partial:
		return fmt.Errorf("the receipt %.60q has %v", r.Request, r.Class)
	case r.Cost > MaxCost || r.Work.Units > MaxWork || r.Work.Prompt > MaxWork:
		return fmt.Errorf("the receipt %.60q of %d and %d units for %v: want at most %d units and %v", r.Request, r.Work.Prompt, r.Work.Units, r.Cost, int64(MaxWork), MaxCost)
	case r.At.Unix() <= 0 || r.At.Year() > 2200:
		return fmt.Errorf("the receipt %.60q says when it was: %v", r.Request, r.At)
	case len(r.Request)+len(r.Task)+len(r.Unit) > MaxText:
		return fmt.Errorf("the receipt %.60q has texts of more than %d bytes", r.Request, MaxText)
	}
	return nil
}
