package local

import (
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"vision/internal/chain"
	"vision/internal/hotkey"
)

// Server lets other processes on the machine use a Ledger, over HTTP. Reading
// is open to all who can connect; every change is signed by the hotkey it is
// for. Serve it on loopback only: answers are not signed, so a network in
// between could forge them.
type Server struct {
	ledger *Ledger
	log    *slog.Logger
	mux    *http.ServeMux

	mu      sync.Mutex             // guards all below
	started time.Time              // calls signed before it are refused: they may be replays
	seen    map[[32]byte]time.Time // calls of the last minutes, by hash, with their At
}

// NewServer makes the handler. Failures that are not the caller's go to log.
func NewServer(l *Ledger, log *slog.Logger) *Server {
	s := &Server{ledger: l, log: log, mux: http.NewServeMux(), started: l.cfg.Now(), seen: map[[32]byte]time.Time{}}
	s.mux.HandleFunc("GET "+snapshotPath, s.snapshot)
	s.mux.HandleFunc("POST "+callsPath, s.call)
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Server) snapshot(w http.ResponseWriter, r *http.Request) {
	now, err := s.ledger.Snapshot(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	out := wireSnapshot{Header: now.Header, BlockHash: now.BlockHash}
	for n := range now.Neurons() {
		out.Neurons = append(out.Neurons, n)
	}
	s.answer(w, out)
}

func (s *Server) call(w http.ResponseWriter, r *http.Request) {
	var e envelope
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCall)).Decode(&e); err != nil {
		http.Error(w, "not a signed call in JSON of at most 256 KiB", http.StatusBadRequest)
		return
	}
	result, err := s.do(r, e)
	if refused := refusal(err); refused != nil {
		result = wireResult{Refused: refused}
	} else if err != nil {
		s.fail(w, r, err)
		return
	}
	s.answer(w, result)
}

// do checks the envelope and makes the call.
func (s *Server) do(r *http.Request, e envelope) (out wireResult, err error) {
	c, err := e.unseal(s.ledger.cfg.Network, s.ledger.cfg.Netuid, s.ledger.cfg.Now())
	if err != nil {
		return out, err
	}
	if err := s.once(e, c); err != nil {
		return out, err
	}
	switch c.Do {
	case "announce":
		return out, s.ledger.announce(r.Context(), e.Hotkey, c.Endpoint)
	case "weights":
		receipt, err := s.ledger.setWeights(r.Context(), e.Hotkey, *c.Weights)
		return wireResult{Receipt: &receipt}, err
	case "register":
		var cold hotkey.ID
		if c.Coldkey != nil {
			cold = *c.Coldkey
		}
		uid, err := s.ledger.Register(r.Context(), e.Hotkey, cold)
		return wireResult{UID: &uid}, err
	}
	return out, chain.Refuse(chain.Unspecified, "no call is named %q", c.Do)
}

// maxSeen bounds the memory of calls: some 100 bytes each.
const maxSeen = 100_000

// once refuses a call that was made before.
func (s *Server) once(e envelope, c wireCall) error {
	id := sha256.Sum256(signedBytes(append(e.Hotkey[:], e.Call...)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.seen[id]; again || c.At.Before(s.started) {
		return chain.Refuse(chain.BadSignature, "the call was made before, or signed before the ledger started; sign a new one")
	}
	if len(s.seen) >= maxSeen {
		limit := s.ledger.cfg.Now().Add(-callWindow)
		for old, at := range s.seen {
			if at.Before(limit) { // too old to pass unseal
				delete(s.seen, old)
			}
		}
		if len(s.seen) >= maxSeen {
			return &chain.Refused{Reason: chain.TooFast, Detail: "too many calls in a minute", RetryAfter: callWindow}
		}
	}
	s.seen[id] = c.At
	return nil
}

func (s *Server) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.log.Debug("devnet ledger: answer", "err", err) // the caller went away
	}
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		s.log.Error("devnet ledger", "path", r.URL.Path, "err", err)
	}
	http.Error(w, "the ledger failed; its log says why", http.StatusInternalServerError)
}
