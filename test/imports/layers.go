// Package imports is the test that imports point one way. Nothing imports it.
//
//	pure ◄── adapters, plumbing, relay ◄── wiring
//	  ▲                             ▲         │
//	  └──────────── roles ──────────┘ (relay) │
//	                  ▲                       │
//	                  └───────────────────────┘
//
// layers.go says which package belongs where and what each layer may use, with
// the reason for every ban; read.go finds the imports and calls in the source;
// check.go compares the two. Test files are free to import what they like:
// the rules are about what ships.
//
// A new package fails the test until it is put into layerOf.
package imports

// Layer is what a package is to the program.
type Layer string

const (
	Pure     Layer = "pure"     // rules and values: arguments in, results out
	Adapter  Layer = "adapter"  // a way to the outside: sockets, files, databases, chains
	Relay    Layer = "relay"    // the one path by which a request reaches a miner
	Role     Layer = "role"     // what a process is there for
	Plumbing Layer = "plumbing" // configuration, logs, starting and stopping
	TestKit  Layer = "test kit" // for tests alone: suites and fakes
	Wiring   Layer = "wiring"   // knows everything, decides nothing
)

// layerOf says where each package belongs, by its path below internal/ or the
// module's root.
var layerOf = map[string]Layer{
	"apikey":     Pure,
	"beacon":     Pure,
	"capacity":   Pure,
	"chain":      Pure,
	"chain/yuma": Pure,
	"dispatch":   Pure,
	"corpus":     Pure,
	"fault":      Pure,
	"hotkey":     Pure,
	"judgement":  Pure,
	"ledger":     Pure,
	"openai":     Pure,
	"outcome":    Pure,
	"period":     Pure,
	"picture":    Pure,
	"prompt":     Pure,
	"proto":      Pure,
	"receipt":    Pure,
	"refmodel":   Pure,
	"report":     Pure,
	"typo":       Pure,
	"sampling":   Pure,
	"score":      Pure,
	"sim":        Pure,
	"statement":  Pure,
	"store":      Pure, // the contract; databases are below it
	"task":       Pure,

	"openai/responses": Pure,

	"checker/calibration": Pure,
	"checker/evidence":    Pure,
	"checker/likeness":    Pure,

	"chain/local":    Adapter,
	"chain/private":  Adapter,
	"checker/remote": Adapter,
	"hotkey/wallet":  Adapter,
	"imagefetch":     Adapter,
	"nowait":         Adapter,
	"randomness":     Adapter,
	"sibling":        Adapter,
	"store/journal":  Adapter,
	"store/sqlite":   Adapter,
	"transport":      Adapter,

	"relay": Relay,

	"admin":       Role,
	"checker":     Role,
	"dashboard":   Role,
	"gateway":     Role,
	"measure":     Role,
	"miner":       Role,
	"modelserver": Role,
	"scorer":      Role,

	"config": Plumbing,
	"daemon": Plumbing,
	"obs":    Plumbing,

	"chain/chaintest": TestKit,
	"pipes":           TestKit,
	"store/storetest": TestKit,
	"test/imports":    TestKit,

	"cmd/vision":      Wiring,
	"test/indistinct": Wiring,
	"test/interop/go": Wiring,
	"test/relaybench": Wiring,

	"test/verification/prompts": Wiring,
	"checker/eval":              Wiring, // it runs checker and model servers beside one another
	"devnet":                    Wiring,
	"node":                      Wiring,
}

// rule is what a layer may use.
type rule struct {
	layers  []Layer           // whose packages it may import
	why     string            // why no others
	banned  map[string]string // other packages that it may not, each with the reason
	modules []string          // other modules' packages that it may, by prefix; nil allows any
}

const (
	oneWay     = "imports point one way, so that rules can be tested, simulated and reused without the world around them"
	noSocket   = "a pure package talks to nobody: put the socket into an adapter, and pass in what it reads"
	noFile     = "a pure package reads no files, environment or processes: take bytes or an io.Reader"
	noDatabase = "only an adapter knows that there is a database: declare the interface that is needed beside the struct that uses it"
	noLog      = "a pure package does not log: return what is worth knowing"
	noChance   = "a pure package draws nothing by itself, or nobody could repeat what it did: take an io.Reader, a seed or a *rand.Rand"
	noTesting  = "it would be linked into the program: keep it in _test.go files or in a test kit"
)

// rules are what each layer may use.
var rules = map[Layer]rule{
	Pure: {
		layers: []Layer{Pure},
		why:    oneWay,
		banned: map[string]string{
			"crypto/rand": noChance,
			"math/rand":   noChance + " of math/rand/v2",
			"crypto/tls":  noSocket, "net": noSocket, "net/http": noSocket, "net/rpc": noSocket, "net/smtp": noSocket,
			"io/ioutil": noFile, "os": noFile, "os/exec": noFile, "os/signal": noFile, "os/user": noFile,
			"path/filepath": noFile, "plugin": noFile, "syscall": noFile,
			"database/sql": noDatabase, "database/sql/driver": noDatabase,
			"log": noLog, "log/slog": noLog, "log/syslog": noLog, "expvar": noLog,
			"testing": noTesting,
		},
		modules: []string{
			// Cryptography that others have vetted, and the encodings around it.
			"github.com/mr-tron/base58",
			"github.com/oasisprotocol/curve25519-voi",
			"github.com/tyler-smith/go-bip39",
			"golang.org/x/crypto",
			// Formats of pictures and their scaling, kept by the Go team.
			"golang.org/x/image",
		},
	},
	Adapter: {
		layers: []Layer{Pure},
		why:    "an adapter that knew another, or a role, could not be exchanged alone",
		banned: map[string]string{"testing": noTesting},
	},
	Relay: {
		layers: []Layer{Pure},
		why:    "gateway and scorer share the relay, so that probes look like customers' requests; it must not know either, nor who dials",
		banned: map[string]string{
			"net/http":     "the relay speaks HTTP/1.1 itself, measured against net/http: docs/decisions has the figures",
			"database/sql": noDatabase, "log/slog": "the relay returns an outcome; whoever asked logs it",
			"testing": noTesting,
		},
		modules: []string{"golang.org/x/sync", "golang.org/x/sys"},
	},
	Role: {
		layers: []Layer{Pure, Relay},
		why:    "a role declares the interfaces it needs, so that it runs alone or beside the others, on any ledger, store and transport",
		banned: map[string]string{
			"crypto/tls":   "who may connect is the transport's to decide",
			"database/sql": noDatabase, "database/sql/driver": noDatabase,
			"os/exec": "a role starts no programs",
			"testing": noTesting,

			"github.com/prometheus/client_golang/prometheus/promhttp": "a role counts; obs serves what was counted",
		},
		modules: []string{
			"github.com/prometheus/client_golang/prometheus",
			"golang.org/x/sync",
		},
	},
	Plumbing: {
		layers: []Layer{Pure},
		why:    "plumbing serves every role alike; what it must know of one is passed in",
		banned: map[string]string{"database/sql": noDatabase, "testing": noTesting},
		modules: []string{
			"github.com/prometheus/client_golang",
			"go.yaml.in/yaml/v3",
			"golang.org/x/sync",
			"golang.org/x/sys",
		},
	},
	TestKit: {
		layers: []Layer{Pure},
		why:    "a suite states a contract, and must not know who fulfils it",
	},
	Wiring: {
		layers: []Layer{Pure, Adapter, Relay, Role, Plumbing, Wiring},
		why:    "test kits are for tests",
		banned: map[string]string{"testing": noTesting},
	},
}

// exceptions are imports that the rules forbid and that are right all the same.
var exceptions = map[[2]string]string{
	{"transport", "nowait"}: "how a socket is read, in the one place that reads tokens",
	{"gateway", "nowait"}:   "how a socket is written to, in the one place that writes tokens",

	{"store/sqlite", "store/journal"}: "the journal is how the SQLite store makes outcomes durable before SQLite has them",
}

// mentions are things that a layer may not use although it may import their
// package for others.
var mentions = map[Layer]map[string]mention{
	Pure: {
		"time": {
			oneOf("After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"),
			"a pure package takes the time as an argument, or a test could not choose it",
		},
		"math/rand/v2": {
			not(oneOf("ChaCha8", "New", "NewChaCha8", "NewPCG", "NewZipf", "PCG", "Rand", "Source", "Zipf")),
			noChance,
		},
		"context": {
			oneOf("WithDeadline", "WithDeadlineCause", "WithTimeout", "WithTimeoutCause"),
			"a deadline is ambient time: whoever calls a pure package sets it",
		},
	},
	Relay: {
		"os": {not(oneOf("ErrDeadlineExceeded")), "the relay touches no files; of os it knows the error of a socket's deadline"},
	},
}

type mention struct {
	banned func(symbol string) bool
	why    string
}

// heaps are names that say nothing of what is inside.
var heaps = oneOf("common", "helper", "helpers", "misc", "shared", "types", "util", "utils")

func oneOf(names ...string) func(string) bool {
	set := map[string]bool{}
	for _, n := range names {
		set[n] = true
	}
	return func(name string) bool { return set[name] }
}

func not(f func(string) bool) func(string) bool { return func(name string) bool { return !f(name) } }
