package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"vision/internal/apikey"
	"vision/internal/fault"
	"vision/internal/openai"
)

// MinToken is the least length of the credential, in bytes.
const MinToken = 32

// Config is what a Server needs.
type Config struct {
	Office *Office
	// Token is the credential, at least MinToken bytes.
	Token string
	// Guesses is how many wrong credentials an address may send a minute; 0 is 20.
	Guesses int
	// Log gets an event for each request; nil is none.
	Log *slog.Logger
}

// Server answers /admin/v1. It is an http.Handler.
type Server struct {
	office  *Office
	hash    [sha256.Size]byte // of the token
	guesses apikey.Guesses
	log     *slog.Logger
	mux     *http.ServeMux
}

// NewServer makes a Server. It fails if the token is too short.
func NewServer(c Config) (*Server, error) {
	if len(c.Token) < MinToken {
		return nil, fmt.Errorf("the token of the admin API has %d bytes, want at least %d: draw one with `openssl rand -hex 32`", len(c.Token), MinToken)
	}
	if c.Guesses == 0 {
		c.Guesses = 20
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{office: c.Office, hash: sha256.Sum256([]byte(c.Token)), log: c.Log, mux: http.NewServeMux()}
	s.guesses.PerMinute = c.Guesses
	for path, methods := range s.routes() {
		s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.dispatch(w, r, methods) })
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, fault.New(fault.NotFound, "unknown_path", "There is nothing at %.100q. The paths begin with /admin/v1/ and are in docs/admin.md.", r.URL.Path))
	})
	return s, nil
}

// HTTP makes an HTTP server, with its limits of time and size.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler:           s,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      10 * time.Minute, // exports and audits are long
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
}

// action answers one method of a path.
type action func(w http.ResponseWriter, r *http.Request) error

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := s.office.now()
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	noted := &noting{ResponseWriter: w, status: http.StatusOK}
	if err := s.authenticate(r, begun); err != nil {
		if fault.KindOf(err) == fault.Unauthenticated {
			h.Set("WWW-Authenticate", `Bearer realm="admin"`)
		}
		s.fail(noted, err)
	} else {
		s.mux.ServeHTTP(noted, r)
	}
	s.log.Info("admin request", "method", r.Method, "path", r.Pattern, "status", noted.status, "from", r.RemoteAddr, "took", s.office.now().Sub(begun).Round(time.Microsecond))
}

// noting remembers the status of an answer.
type noting struct {
	http.ResponseWriter
	status int
}

func (n *noting) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (n *noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// authenticate checks the credential. Only failures are limited: whoever else
// guesses from an address, as all callers of one proxy do, does not lock out who
// knows the token, and nobody guesses one of MinToken bytes.
func (s *Server) authenticate(r *http.Request, now time.Time) error {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	hash := sha256.Sum256([]byte(strings.TrimSpace(token)))
	if subtle.ConstantTimeCompare(hash[:], s.hash[:]) == 1 && strings.EqualFold(scheme, "bearer") {
		return nil
	}
	if standing := s.guesses.Of(r.RemoteAddr, now).Take(now); !standing.OK {
		e := fault.New(fault.RateLimited, "too_many_guesses", "Too many requests with a wrong token came from this address.")
		e.RetryAfter = standing.Retry
		return e
	}
	if token == "" {
		return fault.New(fault.Unauthenticated, "invalid_token", `No token was given. Send it in the header "Authorization: Bearer ...".`)
	}
	return fault.New(fault.Unauthenticated, "invalid_token", "The token is not the admin API's. API keys of customers are not accepted here.")
}

func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, methods map[string]action) {
	act := methods[r.Method]
	if act == nil {
		allowed := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		w.Header().Set("Allow", allowed)
		s.fail(w, fault.New(fault.Invalid, "method_not_allowed", "%s is not a method of this path, which has %s.", r.Method, allowed))
		return
	}
	if err := act(w, r); err != nil {
		s.fail(w, err)
	}
}

// statuses are those of codes whose kind says another.
var statuses = map[string]int{
	"method_not_allowed":   http.StatusMethodNotAllowed,
	"project_exists":       http.StatusConflict,
	"project_archived":     http.StatusConflict,
	"reference_taken":      http.StatusConflict,
	"insufficient_balance": http.StatusConflict,
	"over_refund":          http.StatusConflict,
	"key_rotated":          http.StatusConflict,
}

// fail answers with an error, in the API's shape.
func (s *Server) fail(w http.ResponseWriter, err error) {
	if begun, ok := err.(cutOff); ok {
		s.log.Warn("an export was cut off", "err", begun.cause)
		panic(http.ErrAbortHandler) // so that nobody takes it for whole
	}
	if fault.KindOf(err) == fault.Internal {
		s.log.Error("an admin request failed", "err", err)
	}
	status := openai.StatusOf(fault.KindOf(err))
	if other, ok := statuses[code(err)]; ok {
		status = other
	}
	h := w.Header()
	if after := openai.RetryAfter(err); after != "" {
		h.Set("Retry-After", after)
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(openai.AppendError(nil, err))
}

// cutOff is an error after the answer has begun.
type cutOff struct{ cause error }

func (c cutOff) Error() string { return c.cause.Error() }
