package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"vision/internal/config"
	"vision/internal/hotkey"
	"vision/internal/hotkey/wallet"
	"vision/internal/task"
)

//go:embed templates/*.yaml
var templateFiles embed.FS

var templates = template.Must(template.ParseFS(templateFiles, "templates/*.yaml"))

const initAbout = `write a commented configuration that works

  vision init network     a private network in a folder: its file, a validator,
                          miners and a checking server, each with a hotkey
  vision init miner       a miner's file, and a hotkey if there is none
  vision init validator   a validator's file, and a hotkey if there is none
  vision init checker     a checking server's file, and a hotkey if there is none

Files that exist are never replaced.`

// values fill in the templates.
type values struct {
	Network     string
	Neurons     []neuron
	NetworkFile string
	HotkeyFile  string
	Catalogue   string
	Data        string
	Period      time.Duration
	Synthetic   float64 // scorer.synthetic
	Listen      string
	Announce    string
	Ops         string
	ServerURL   string
	Engine      string
	Tasks       []offer
	GroupSlots  int // requests at once, of all tasks
	TaskSlots   int // of each
	Allow       []hotkey.ID
	References  []string // models that the checker needs copies of
}

type neuron struct {
	Hotkey  hotkey.ID
	Role    string
	Stake   string
	Address string
}

type offer struct {
	Name  string
	Units int64
}

func runInit(_ context.Context, t terminal, flags *flag.FlagSet, args []string) error {
	folder := flags.String("dir", ".", "the folder to write to")
	key := flags.String("hotkey", "", "the hotkey's file; DIR/hotkeys/NAME if empty")
	network := flags.String("network", "", "the private network's file; DIR/network.yaml if empty")
	catalogue := flags.String("catalogue", "", "the network's task catalogue; the default tasks if empty")
	miners := flags.Int("miners", 2, "for network: how many miners")
	period := flags.Duration("period", 0, "how long miners are tested before they are scored; for network a minute, else an hour")
	rest, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	if *miners < 1 || *miners > 200 {
		return usagef("--miners is %d, want 1 to 200", *miners)
	}
	w := &writing{t: t, folder: *folder, values: values{
		Network: "private", NetworkFile: "network.yaml", Period: *period,
		Data: "data", ServerURL: "http://127.0.0.1:8000", Engine: "vllm",
	}}
	switch {
	case *period < 0 || *period > 0 && *period < 5*time.Second:
		return usagef("--period is %v, want at least 5s", *period)
	case *period == 0 && rest[0] == "network":
		w.values.Period = time.Minute // so that one sees scores soon
	case *period == 0:
		w.values.Period = time.Hour
	}
	w.values.Synthetic = 0.02
	if w.values.Period < 15*time.Minute {
		w.values.Synthetic = 1
	}
	for from, to := range map[*string]*string{network: &w.values.NetworkFile, key: &w.values.HotkeyFile, catalogue: &w.values.Catalogue} {
		if *from != "" {
			if *to, err = within(*folder, *from); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(*folder, 0o755); err != nil {
		return err
	}
	switch rest[0] {
	case "network":
		return w.network(*miners)
	case "miner":
		w.values.Listen, w.values.Announce, w.values.Ops = ":8091", `""`, "127.0.0.1:9101"
		return w.node("miner", "miner")
	case "validator":
		w.values.Ops = "127.0.0.1:9100"
		return w.node("validator", "validator")
	case "checker":
		w.values.Listen, w.values.Ops = ":8092", "127.0.0.1:9102"
		return w.node("checker", "checker")
	}
	return usagef("%q is not something to init: want miner, validator, checker or network", rest[0])
}

// within writes a path, given from where the program runs, as a file in folder
// names it.
func within(folder, path string) (string, error) {
	if filepath.IsAbs(path) || strings.HasPrefix(path, "~") {
		return path, nil
	}
	from, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	to, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.Rel(from, to)
}

// writing is one init under way.
type writing struct {
	t      terminal
	folder string
	values values
}

// network writes a whole private network on this machine.
func (w *writing) network(miners int) error {
	file := filepath.Join(w.folder, "network.yaml")
	if _, err := os.Stat(file); err == nil {
		return fmt.Errorf("%s exists already and is not replaced", file)
	}
	w.values.NetworkFile = "network.yaml"
	w.values.Catalogue, w.values.Engine = "catalogue.yaml", "vision-ref"
	if err := w.put("catalogue.yaml", config.DevnetCatalogue()); err != nil {
		return err
	}
	validator, err := w.hotkey("validator")
	if err != nil {
		return err
	}
	w.values.Neurons = append(w.values.Neurons, neuron{Hotkey: validator, Role: "validator", Stake: "5000"})
	for i := range miners {
		id, err := w.hotkey(fmt.Sprintf("miner-%d", i+1))
		if err != nil {
			return err
		}
		w.values.Neurons = append(w.values.Neurons, neuron{Hotkey: id, Role: "miner", Address: fmt.Sprintf("127.0.0.1:%d", 8091+10*i)})
	}
	if err := w.write("network.yaml", "network.yaml"); err != nil {
		return err
	}
	w.values.Ops = "127.0.0.1:9100"
	if err := w.node("validator", "validator"); err != nil {
		return err
	}
	w.values.Allow = []hotkey.ID{validator}
	w.values.Listen, w.values.Ops = ":8092", "127.0.0.1:9099"
	if err := w.node("checker", "checker"); err != nil {
		return err
	}
	for i := range miners {
		w.values.Listen = fmt.Sprintf(":%d", 8091+10*i)
		w.values.Announce = fmt.Sprintf("127.0.0.1:%d", 8091+10*i)
		w.values.Ops = fmt.Sprintf("127.0.0.1:%d", 9101+i)
		if err := w.node("miner", fmt.Sprintf("miner-%d", i+1)); err != nil {
			return err
		}
	}
	fmt.Fprintf(w.t.out, `
Start it, each in a terminal of its own:

  vision toy-server
  vision miner --config %s   (and so on)
  vision validator --config %s

and make a key:

  vision key create --config %[2]s

The toy server stands in for GPUs. To serve real models, write their tasks into
%[3]s, your model servers into the miners' files (servers, tasks) and
trusted copies into the validator's (checker.references).
`, filepath.Join(w.folder, "miner-1.yaml"), filepath.Join(w.folder, "validator.yaml"), filepath.Join(w.folder, "catalogue.yaml"))
	return nil
}

// node writes the file of one node and its hotkey.
func (w *writing) node(kind, name string) error {
	saved := w.values.HotkeyFile
	defer func() { w.values.HotkeyFile = saved }()
	id, err := w.hotkey(name)
	if err != nil {
		return err
	}
	if w.values.HotkeyFile == "" {
		w.values.HotkeyFile = filepath.Join("hotkeys", name)
	}
	if kind == "checker" && len(w.values.Allow) == 0 {
		w.values.Allow = []hotkey.ID{id} // of no use yet, but right in form
		fmt.Fprintln(w.t.out, "put the hotkeys of the validators that may use it under `allow`")
	}
	catalogue, err := config.LoadCatalogue(config.Below(w.folder, w.values.Catalogue))
	if err != nil {
		return err
	}
	w.values.Tasks, w.values.References = nil, nil
	for _, t := range catalogue.Tasks() {
		if k, ok := task.KindNamed(t.Kind); ok && (k.Evidence() == task.Tokens || w.values.Engine == "vision-ref") {
			w.values.Tasks = append(w.values.Tasks, offer{t.Name, max(t.CapacityIn(w.values.Period)/10, 1)})
			if !slices.Contains(w.values.References, t.Model.Name) {
				w.values.References = append(w.values.References, t.Model.Name)
			}
		}
	}
	w.values.TaskSlots = max(16/max(len(w.values.Tasks), 1), 1)
	w.values.GroupSlots = max(16, w.values.TaskSlots*len(w.values.Tasks))
	if network := config.Below(w.folder, w.values.NetworkFile); !exists(network) {
		fmt.Fprintf(w.t.out, "%s is not there yet: get it from who keeps the network (`vision init network` makes a new one)\n", network)
	}
	return w.write(kind+".yaml", name+".yaml")
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// hotkey loads the node's key, or makes it.
func (w *writing) hotkey(name string) (hotkey.ID, error) {
	file := config.Below(w.folder, w.values.HotkeyFile)
	if file == "" {
		file = filepath.Join(w.folder, "hotkeys", name)
	}
	path, err := wallet.Expand(file)
	if err != nil {
		return hotkey.ID{}, err
	}
	key, err := wallet.Load(path, func() (string, error) { return "", errors.New("it is encrypted") })
	if err == nil {
		return key.ID(), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return hotkey.ID{}, err
	}
	if key, err = newHotkey(path); err != nil {
		return hotkey.ID{}, err
	}
	fmt.Fprintf(w.t.out, "wrote %s: hotkey %s\n", path, key.ID())
	return key.ID(), nil
}

// write fills in a template.
func (w *writing) write(name, as string) error {
	var text bytes.Buffer
	if err := templates.ExecuteTemplate(&text, name, w.values); err != nil {
		return err
	}
	return w.put(as, text.Bytes())
}

// put writes a file that must not exist.
func (w *writing) put(name string, text []byte) error {
	path := filepath.Join(w.folder, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already and is not replaced", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		fmt.Fprintf(w.t.out, "wrote %s\n", path)
	}
	return err
}
