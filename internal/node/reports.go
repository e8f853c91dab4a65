package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"vision/internal/daemon"
	"vision/internal/fault"
	"vision/internal/gateway"
	"vision/internal/hotkey"
	"vision/internal/period"
	"vision/internal/proto"
	"vision/internal/report"
	"vision/internal/scorer"
	"vision/internal/transport"
)

// ReportConfig is how validators learn of one another's reports. They are public:
// the gateway serves this validator's to everybody as well.
type ReportConfig struct {
	// Listen is where other validators may fetch this one's, host:port, over TLS
	// on which both sides prove their hotkeys; nowhere if empty.
	Listen string `yaml:"listen"`
	// Peers are validators whose reports are fetched once a period, to see
	// whether they score by the same rules.
	Peers []ReportPeer `yaml:"peers"`
	// Receipts says whether other validators may fetch the answers to this one's own
	// requests that speak against miners, and whether this one looks into what Peers show.
	Receipts bool `yaml:"receipts"`
}

// ReportPeer is another validator.
type ReportPeer struct {
	// Address is its reports.listen, host:port.
	Address string `yaml:"address"`
	// Hotkey is who it proves to be.
	Hotkey hotkey.ID `yaml:"hotkey"`
}

func (c ReportConfig) check(report func(field, format string, args ...any)) {
	if c.Listen != "" {
		checkListen("reports.listen", c.Listen, report)
	}
	for i, p := range c.Peers {
		at := fmt.Sprintf("reports.peers[%d].", i)
		checkAnnounce(at+"address", p.Address, report)
		if p.Hotkey.IsZero() {
			report(at+"hotkey", "is missing: say which validator it must prove to be")
		}
	}
}

// checkOthers reports peers that are the validator itself, whose own report
// what they serve would replace.
func (c ReportConfig) checkOthers(self hotkey.ID, report func(field, format string, args ...any)) {
	for i, p := range c.Peers {
		if p.Hotkey == self {
			report(fmt.Sprintf("reports.peers[%d].hotkey", i), "is this validator's own: name others only")
		}
	}
}

// explainPath is followed by a hotkey.
const explainPath = "/v1/vision/explain/"

// reportPages serves the last report and what follows from it for each miner,
// to everybody, beside other pages.
type reportPages struct {
	last *scorer.Explainer
	next gateway.Pages // nil: nothing else
}

// Has implements gateway.Pages.
func (p reportPages) Has(path string) bool {
	return path == proto.ReportPath || strings.HasPrefix(path, explainPath) || p.next != nil && p.next.Has(path)
}

// ServeHTTP implements gateway.Pages.
func (p reportPages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == proto.ReportPath:
		p.report(w, r)
	case strings.HasPrefix(r.URL.Path, explainPath):
		p.explain(w, r)
	default:
		p.next.ServeHTTP(w, r)
	}
}

func (p reportPages) report(w http.ResponseWriter, r *http.Request) {
	kept, err := p.last.Report(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Etag", fmt.Sprintf(`"%d-%d"`, kept.Period, kept.At.UnixNano()))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(kept.Body))
}

func (p reportPages) explain(w http.ResponseWriter, r *http.Request) {
	id, err := hotkey.ParseID(strings.TrimPrefix(r.URL.Path, explainPath))
	if err != nil {
		fail(w, fault.New(fault.Invalid, "invalid_hotkey", "The path ends in no hotkey: %v.", err))
		return
	}
	e, err := p.last.Explain(r.Context(), id)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	_ = json.NewEncoder(w).Encode(e)
}

// fail answers with an error as the API does. What went wrong inside is nobody's business.
func fail(w http.ResponseWriter, err error) {
	status, code, message := http.StatusInternalServerError, "internal_error", "Something went wrong here. Try again later."
	kind := "invalid_request_error"
	var f *fault.Error
	if errors.As(err, &f) {
		switch f.Kind {
		case fault.NotFound:
			status, code, message = http.StatusNotFound, f.Code, f.Message
		case fault.Invalid:
			status, code, message = http.StatusBadRequest, f.Code, f.Message
		case fault.Unavailable:
			status, code, message, kind = http.StatusServiceUnavailable, f.Code, f.Message, "service_unavailable_error"
		case fault.RateLimited:
			status, code, message, kind = http.StatusTooManyRequests, f.Code, f.Message, "rate_limit_error"
		}
		if f.Kind == fault.Unavailable || f.Kind == fault.RateLimited {
			w.Header().Set("Retry-After", strconv.Itoa(int(max(math.Ceil(f.RetryAfter.Seconds()), 1))))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": kind, "code": code, "param": nil}})
}

// validator is the one that asks.
func (v *Validator) validator(r *http.Request) (hotkey.ID, error) {
	id, err := transport.Caller(r)
	if err == nil {
		err = v.view.AdmitValidator(id)
	}
	return id, err
}

// addReports lets other validators fetch this one's reports, and fetches theirs.
func (v *Validator) addReports() {
	if v.config.Reports.Listen != "" {
		everybody := func(hotkey.ID) error { return nil }
		var pages http.Handler = reportPages{last: v.explainer}
		if v.config.Reports.Receipts {
			shelf := scorer.NewShelf(v.store, v.identity.Network(), v.Key, time.Now)
			shown := &receiptPages{shelf: shelf, admit: v.validator, now: time.Now, next: pages}
			watchPages(v.ops.Registry, shown)
			pages = shown
		}
		v.reports = v.serveTLS("reports", at(v.config.Reports.Listen), pages, everybody)
	}
	if len(v.config.Reports.Peers) > 0 {
		v.group.Add(daemon.Component{Name: "other validators' reports", Serve: v.followReports})
	}
}

// followReports fetches other validators' reports until ctx ends.
func (v *Validator) followReports(ctx context.Context) error {
	told := map[hotkey.ID]string{}
	seen := map[hotkey.ID]bool{}
	for {
		for _, p := range v.config.Reports.Peers {
			within, cancel := context.WithTimeout(ctx, 30*time.Second)
			differs, err := v.fetchReport(within, p)
			cancel()
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				v.Log.Info("another validator's report is not to be had", "validator", p.Hotkey.String(), "err", err)
			case differs != told[p.Hotkey] || !seen[p.Hotkey]:
				if told[p.Hotkey], seen[p.Hotkey] = differs, true; differs != "" {
					v.Log.Warn("another validator scores by other rules, so its weights and this one's will disagree", "validator", p.Hotkey.String(), "how", differs)
				} else {
					v.Log.Info("another validator scores by the same rules", "validator", p.Hotkey.String())
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(v.config.Period/2, time.Second)):
		}
	}
}

// mostAhead is by how much another validator's clock may be ahead of ours.
const mostAhead = 10 * time.Minute

// fetchReport fetches and keeps one validator's report, and says how its rules
// differ from ours.
func (v *Validator) fetchReport(ctx context.Context, p ReportPeer) (differs string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+p.Address+proto.ReportPath, nil)
	if err != nil {
		return "", err
	}
	answer, err := v.clients.For(p.Hotkey).Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("it answered %s", answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, proto.MaxReport+1))
	if err != nil {
		return "", err
	}
	theirs, err := report.Read(body)
	if err != nil {
		return "", err
	}
	if theirs.Validator != p.Hotkey {
		return "", fmt.Errorf("it is the report of %s", theirs.Validator)
	}
	if ahead := time.Until(theirs.At); ahead > mostAhead { // kept, it would stand before all that follow until then
		return "", fmt.Errorf("it is dated %v ahead: one of the two clocks is wrong", ahead.Round(time.Second))
	}
	if err := v.store.SaveReport(ctx, period.Report{Validator: p.Hotkey, Period: theirs.Period, At: theirs.At, Body: body}); err != nil {
		return "", err
	}
	m, err := v.config.Mechanism.Make()
	if err != nil {
		return "", err
	}
	ours := report.Report{}
	if own, err := v.store.OwnReport(ctx, true); err == nil { // else it has none yet
		if ours, err = report.Read(own.Body); err != nil {
			return "", fmt.Errorf("read the last report: %w", err)
		}
	}
	// It may be from before a restart with other settings.
	ours.Mechanism, ours.Parameters = m.Name(), report.ParametersOf(m)
	ours.Start, ours.End = time.Time{}, time.Time{}.Add(v.config.Period)
	return ours.Differs(&theirs), nil
}
