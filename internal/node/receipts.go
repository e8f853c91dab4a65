package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"vision/internal/fault"
	"vision/internal/hotkey"
	"vision/internal/proto"
	"vision/internal/receipt"
	"vision/internal/scorer"
	"vision/internal/transport"
)

// receiptPage is what a validator answers another that asks for its receipts.
type receiptPage struct {
	Receipts []json.RawMessage `json:"receipts"`        // each as package receipt writes it
	Before   time.Time         `json:"before,omitzero"` // for the next page; left out if there is none
}

// receiptPages serves this validator's receipts to other validators, one at a time.
type receiptPages struct {
	v    *Validator
	next http.Handler

	mu sync.Mutex // held while a page is made
}

// ServeHTTP implements http.Handler.
func (p *receiptPages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != proto.ReceiptsPath {
		p.next.ServeHTTP(w, r)
		return
	}
	page, err := p.page(r)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(page)
}

func (p *receiptPages) page(r *http.Request) (page receiptPage, err error) {
	caller, err := transport.Caller(r)
	if err == nil {
		err = p.v.view.AdmitValidator(caller)
	}
	if err != nil { // the requests in them are not for miners
		return page, fault.New(fault.NotFound, "not_found", "Receipts are for validators alone.")
	}
	now := time.Now()
	before := now
	if text := r.URL.Query().Get("before"); text != "" {
		if before, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return page, fault.New(fault.Invalid, "invalid_time", "before is no time.")
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	bodies, next, err := scorer.Receipts(r.Context(), p.v.store, p.v.identity.Network(), p.v.Key, now, before)
	page.Receipts, page.Before = []json.RawMessage{}, next
	for _, b := range bodies {
		page.Receipts = append(page.Receipts, b)
	}
	return page, err
}

// mostPages is how many pages of a peer's receipts are read at a time.
const mostPages = 4

// takeReceipts fetches a peer's receipts and has them judged.
func (v *Validator) takeReceipts(ctx context.Context, p ReportPeer, taker *scorer.Scorer) (judged int, err error) {
	query := ""
	for range mostPages {
		page, err := v.fetchReceipts(ctx, p, query)
		if err != nil {
			return judged, err
		}
		var list []receipt.Receipt
		for _, body := range page.Receipts[:min(len(page.Receipts), scorer.MostShown)] {
			if r, err := receipt.Read(body); err == nil && r.Validator == p.Hotkey { // what it did not sign, or no miner did, is nothing
				list = append(list, r)
			}
		}
		n, err := taker.TakeReceipts(ctx, p.Hotkey, list)
		judged += n
		if err != nil || judged > 0 || page.Before.IsZero() || len(page.Receipts) == 0 { // what comes behind those judged is for another time
			return judged, err
		}
		query = "?before=" + url.QueryEscape(page.Before.Format(time.RFC3339Nano))
	}
	return judged, nil
}

func (v *Validator) fetchReceipts(ctx context.Context, p ReportPeer, query string) (page receiptPage, err error) {
	within, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(within, http.MethodGet, "https://"+p.Address+proto.ReceiptsPath+query, nil)
	if err != nil {
		return page, err
	}
	answer, err := v.clients.For(p.Hotkey).Do(r)
	if err != nil {
		return page, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return page, fmt.Errorf("it answered %s", answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, proto.MaxReceipts+1))
	if err != nil {
		return page, err
	}
	if len(body) > proto.MaxReceipts {
		return page, fmt.Errorf("a page of receipts has more than the %d bytes allowed", proto.MaxReceipts)
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return receiptPage{}, fmt.Errorf("a page of receipts: %w", err)
	}
	return page, nil
}

// followReceipts fetches other validators' receipts until ctx ends.
func (v *Validator) followReceipts(ctx context.Context, taker *scorer.Scorer) error {
	failing := map[hotkey.ID]bool{}
	for {
		for _, p := range v.config.Reports.Peers {
			_, err := v.takeReceipts(ctx, p, taker)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil && !failing[p.Hotkey] {
				v.Log.Info("another validator's receipts are not to be had", "validator", p.Hotkey.String(), "err", err)
			}
			failing[p.Hotkey] = err != nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(max(v.config.Period/8, time.Second), 10*time.Minute)):
		}
	}
}
