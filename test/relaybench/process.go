package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// roles are what this program can be started again as. A role serves until its
// process is told to end.
var roles = map[string]func(arg string) (service, error){
	"upstream": startUpstream,
	"baseline": startBaseline,
	"gateway":  startGateway,
}

// service is a running role.
type service struct {
	addrs map[string]string // where it listens
	set   func(json.RawMessage) error
	stop  func() error
}

// usage is what a process has used.
type usage struct {
	CPU   time.Duration // user and system, since its start
	RSS   int64         // bytes
	Heap  int64         // bytes in use by objects and unused spans
	Stack int64         // bytes
	Procs int           // goroutines
}

// order is a line that a process is told; answer what it says.
type order struct {
	Do  string          `json:"do"` // usage, settle, set, profile, profiled
	Arg json.RawMessage `json:"arg,omitempty"`
}

type answer struct {
	Addrs map[string]string `json:"addrs,omitempty"`
	Usage usage             `json:"usage"`
	Err   string            `json:"err,omitempty"`
}

// serveRole is a child's main: it ends when its standard input does.
func serveRole(name, arg string) error {
	start, ok := roles[name]
	if !ok {
		return fmt.Errorf("%q is no role", name)
	}
	s, err := start(arg)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(answer{Addrs: s.addrs}); err != nil {
		return err
	}
	in := json.NewDecoder(os.Stdin)
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			return s.stop()
		}
		a, err := obey(s, o)
		if err != nil {
			a.Err = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return s.stop()
		}
	}
}

var profiling *os.File

func obey(s service, o order) (a answer, err error) {
	switch o.Do {
	case "usage":
	case "settle":
		for range 2 { // twice: pools give up their contents at the second
			runtime.GC()
		}
		debug.FreeOSMemory()
	case "set":
		return a, s.set(o.Arg)
	case "profile":
		var file string
		if err := json.Unmarshal(o.Arg, &file); err != nil {
			return a, err
		}
		if profiling, err = os.Create(file); err != nil {
			return a, err
		}
		return a, pprof.StartCPUProfile(profiling)
	case "profiled":
		pprof.StopCPUProfile()
		return a, profiling.Close()
	case "heap":
		var file string
		if err := json.Unmarshal(o.Arg, &file); err != nil {
			return a, err
		}
		f, err := os.Create(file)
		if err != nil {
			return a, err
		}
		return a, errors.Join(pprof.WriteHeapProfile(f), f.Close())
	default:
		return a, fmt.Errorf("%q is no order", o.Do)
	}
	a.Usage, err = used()
	return a, err
}

// used is what this process has used.
func used() (u usage, err error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return u, err
	}
	u.CPU = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return u, fmt.Errorf("read the resident size (this needs Linux): %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return u, errors.New("/proc/self/statm is not what it should be")
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return u, err
	}
	u.RSS = pages * int64(os.Getpagesize())
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	u.Heap = int64(samples[0].Value.Uint64() + samples[1].Value.Uint64())
	u.Stack = int64(samples[2].Value.Uint64())
	u.Procs = runtime.NumGoroutine()
	return u, nil
}

// process is a role in a process of its own.
type process struct {
	name  string
	addrs map[string]string
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *json.Decoder
}

// start starts this program again in a role.
func start(role, arg string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: role, cmd: exec.Command(self, "role", role, arg)}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(bufio.NewReader(out))
	var a answer
	if err := p.out.Decode(&a); err != nil {
		return nil, errors.Join(fmt.Errorf("start the %s: %w", role, err), p.stop())
	}
	p.addrs = a.Addrs
	return p, nil
}

// tell gives an order and waits for the answer.
func (p *process) tell(do string, arg any) (usage, error) {
	o := order{Do: do}
	var err error
	if arg != nil {
		if o.Arg, err = json.Marshal(arg); err != nil {
			return usage{}, err
		}
	}
	var a answer
	if err = json.NewEncoder(p.in).Encode(o); err == nil {
		err = p.out.Decode(&a)
	}
	if err == nil && a.Err != "" {
		err = errors.New(a.Err)
	}
	if err != nil {
		return usage{}, fmt.Errorf("tell the %s to %s: %w", p.name, do, err)
	}
	return a.Usage, nil
}

// stop ends the process, and waits until it has ended.
func (p *process) stop() error {
	p.in.Close()
	force := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Kill() })
	defer force.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the %s: %w", p.name, err)
	}
	return nil
}
