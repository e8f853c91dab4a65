package miner

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config says what the miner serves and with what.
type Config struct {
	// Period is the length of time that the units of tasks refer to.
	Period time.Duration `yaml:"period"`
	// Servers are the operator's model servers.
	Servers []Server `yaml:"servers"`
	// Groups are limits that several tasks share, such as those on one GPU.
	Groups []Group `yaml:"groups"`
	// Tasks are what the miner serves; names are those of the network's catalogue.
	Tasks []Task `yaml:"tasks"`
}

// Server is one model server.
type Server struct {
	// Name is how tasks refer to it.
	Name string `yaml:"name"`
	// URL is its base, up to but without /v1.
	URL string `yaml:"url"`
	// Engine is its make: vllm, sglang, llama.cpp, llama-cpp-python, vision-ref or openai (any other).
	Engine string `yaml:"engine"`
	// KeyFile names a file that holds the server's API key, if it wants one.
	KeyFile string `yaml:"key_file"`
}

// Group is a limit that its tasks share.
type Group struct {
	// Name is how tasks refer to it.
	Name string `yaml:"name"`
	// Slots is how many requests its tasks serve at once, all together.
	Slots int `yaml:"slots"`
}

// Task is one service of the miner's.
type Task struct {
	// Task is its name in the network's catalogue.
	Task string `yaml:"task"`
	// Server is the name of the server behind it.
	Server string `yaml:"server"`
	// Model is what that server calls the model; the task's name if empty.
	Model string `yaml:"model"`
	// Units is the work offered each period to all validators together.
	Units int64 `yaml:"units"`
	// Slots is how many requests are served at once.
	Slots int `yaml:"slots"`
	// Group is the name of a group, or empty.
	Group string `yaml:"group"`
	// Quantisation of the weights as served; what the task demands if empty.
	Quantisation string `yaml:"quantisation"`
	// Speculative says that the server decodes speculatively.
	Speculative bool `yaml:"speculative"`
}

// Defaults is the configuration that a file is read onto.
func Defaults() Config { return Config{Period: time.Hour} }

// Check reports every mistake by its YAML path.
func (c *Config) Check(report func(field, format string, args ...any)) {
	if c.Period < time.Second {
		report("period", "is %v, want at least 1s", c.Period)
	}
	servers := unique(c.Servers, func(s Server) string { return s.Name }, "servers", report)
	for i, s := range c.Servers {
		at := fmt.Sprintf("servers[%d].", i)
		if u, err := url.Parse(s.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			if strings.Contains(s.URL, "@") { // a password may stand before it
				report(at+"url", "is not a URL such as http://127.0.0.1:8000")
			} else {
				report(at+"url", "%q is not a URL such as http://127.0.0.1:8000", s.URL)
			}
		} else if strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), "/v1") {
			report(at+"url", "%q ends in /v1: leave that out, it is added", u.Redacted())
		}
		if _, ok := engineNamed(s.Engine); !ok {
			report(at+"engine", "%q is not an engine; the engines are %s", s.Engine, strings.Join(engineNames(), ", "))
		}
	}
	groups := unique(c.Groups, func(g Group) string { return g.Name }, "groups", report)
	for i, g := range c.Groups {
		if g.Slots < 1 {
			report(fmt.Sprintf("groups[%d].slots", i), "is %d, want at least 1", g.Slots)
		}
	}
	if len(c.Tasks) == 0 {
		report("tasks", "has no task: the miner would serve nothing")
	}
	unique(c.Tasks, func(t Task) string { return t.Task }, "tasks", report)
	for i, t := range c.Tasks {
		at := fmt.Sprintf("tasks[%d].", i)
		if !slices.Contains(servers, t.Server) {
			report(at+"server", "%q is not among the servers %q", t.Server, servers)
		}
		if t.Group != "" && !slices.Contains(groups, t.Group) {
			report(at+"group", "%q is not among the groups %q", t.Group, groups)
		}
		if t.Units < 1 {
			report(at+"units", "is %d, want at least 1 unit a period (remove a task that is not served)", t.Units)
		}
		if t.Slots < 1 {
			report(at+"slots", "is %d, want at least 1", t.Slots)
		}
	}
}

// unique lists the items' names and reports the empty and the repeated ones.
func unique[T any](items []T, name func(T) string, list string, report func(string, string, ...any)) []string {
	var names []string
	for i, item := range items {
		n := name(item)
		field := fmt.Sprintf("%s[%d].name", list, i)
		if list == "tasks" {
			field = fmt.Sprintf("%s[%d].task", list, i)
		}
		switch {
		case n == "":
			report(field, "is missing")
		case slices.Contains(names, n):
			report(field, "%q is there twice", n)
		}
		names = append(names, n)
	}
	return names
}
