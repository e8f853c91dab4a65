package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"vision/internal/proto"
	"vision/internal/scorer"
)

// receiptPage is what a validator answers another that asks for its receipts.
type receiptPage struct {
	Receipts []json.RawMessage `json:"receipts"`        // each as package receipt writes it
	Before   time.Time         `json:"before,omitzero"` // for the next page; left out if there is none
}

// follows is what is known of a peer's receipts between two rounds.
type follows struct {
	tag     string // of the last first page; "" unless there was nothing left to judge behind it
	failing bool
}

// takeReceipts fetches a peer's receipts and has them judged.
func (v *Validator) takeReceipts(ctx context.Context, p ReportPeer, f *follows, taker *scorer.Scorer) error {
	query, first, later, judged := "", "", 0, 0
	for range scorer.MostPages {
		page, tag, err := v.fetchReceipts(ctx, p, query, f.tag)
		if err != nil {
			return err
		}
		if page == nil { // as it was
			return nil
		}
		if query == "" {
			f.tag, first = "", tag
		}
		var bodies [][]byte
		for _, body := range page.Receipts[:min(len(page.Receipts), scorer.MostShown)] {
			bodies = append(bodies, body)
		}
		t, err := taker.TakeReceipts(ctx, p.Hotkey, bodies)
		judged, later = judged+t.Judged, later+t.Later
		taker.ReceiptsLeft(p.Hotkey, later)
		if err != nil || judged > 0 { // what comes behind those judged is for another time
			return err
		}
		if page.Before.IsZero() || len(page.Receipts) == 0 {
			break
		}
		query = "?before=" + url.QueryEscape(page.Before.Format(time.RFC3339Nano))
	}
	if later == 0 {
		f.tag = first
	}
	return nil
}

// fetchReceipts fetches a page; nil if it is that of a tag.
func (v *Validator) fetchReceipts(ctx context.Context, p ReportPeer, query, known string) (page *receiptPage, tag string, err error) {
	within, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(within, http.MethodGet, "https://"+p.Address+proto.ReceiptsPath+query, nil)
	if err != nil {
		return nil, "", err
	}
	if known != "" {
		r.Header.Set("If-None-Match", known)
	}
	answer, err := v.clients.For(p.Hotkey).Do(r)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotModified && known != "" {
		return nil, known, nil
	}
	if answer.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("it answered %s", answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, proto.MaxReceipts+1))
	if err != nil {
		return nil, "", err
	}
	if len(body) > proto.MaxReceipts {
		return nil, "", fmt.Errorf("a page of receipts has more than the %d bytes allowed", proto.MaxReceipts)
	}
	page = new(receiptPage)
	if err := json.Unmarshal(body, page); err != nil {
		return nil, "", fmt.Errorf("a page of receipts: %w", err)
	}
	tag = answer.Header.Get("Etag")
	if len(tag) > mostTag {
		tag = ""
	}
	return page, tag, nil
}

// mostTag is how long a page's tag may be to be remembered.
const mostTag = 128

// followReceipts fetches other validators' receipts until ctx ends.
func (v *Validator) followReceipts(ctx context.Context, taker *scorer.Scorer) error {
	known := make([]follows, len(v.config.Reports.Peers))
	for {
		for i, p := range v.config.Reports.Peers {
			f := &known[i]
			err := v.takeReceipts(ctx, p, f, taker)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil && !f.failing {
				v.Log.Info("another validator's receipts are not to be had", "validator", p.Hotkey.String(), "err", err)
			}
			f.failing = err != nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(max(v.config.Period/8, time.Second), 10*time.Minute)):
		}
	}
}
