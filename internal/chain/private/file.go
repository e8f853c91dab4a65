package private

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"vision/internal/chain"
	"vision/internal/hotkey"
)

// maxFile bounds the network file, in bytes.
const maxFile = 4 << 20

// Network is what the file says, checked.
type Network struct {
	Name    string
	Netuid  uint16
	Params  chain.Params
	Members []Member // by UID
}

// Member is one neuron of the file.
type Member struct {
	UID     uint16
	Hotkey  hotkey.ID
	Coldkey hotkey.ID // zero if not given
	Role    string    // "validator" or "miner"
	Stake   chain.Rao
	Address chain.Endpoint // "" for a validator without one
	Line    int            // where the entry begins
}

// network is the file's form; nodes are kept to tell lines.
type network struct {
	Network          yaml.Node   `yaml:"network"`
	Netuid           yaml.Node   `yaml:"netuid"`
	BlockTime        yaml.Node   `yaml:"block_time"`
	Tempo            yaml.Node   `yaml:"tempo"`
	WeightsRateLimit yaml.Node   `yaml:"weights_rate_limit"`
	MinWeights       yaml.Node   `yaml:"min_weights"`
	StakeThreshold   yaml.Node   `yaml:"stake_threshold"`
	Neurons          []yaml.Node `yaml:"neurons"`
}

type member struct {
	UID     yaml.Node `yaml:"uid"`
	Hotkey  yaml.Node `yaml:"hotkey"`
	Coldkey yaml.Node `yaml:"coldkey"`
	Role    yaml.Node `yaml:"role"`
	Stake   yaml.Node `yaml:"stake"`
	Address yaml.Node `yaml:"address"`
}

// Defaults for keys that the file leaves out.
const (
	defaultBlockTime = 12 * time.Second
	defaultTempo     = 100
	defaultRateLimit = 10
	defaultThreshold = 1000 * chain.TAO
)

// Parse reads a network file; name is for the errors. All mistakes are
// reported at once, each as "name:line: what is wrong".
func Parse(name string, raw []byte) (*Network, error) {
	p := &parser{name: name}
	if len(raw) > maxFile {
		p.fail(1, "the file has %d bytes, at most %d are read", len(raw), maxFile)
		return nil, errors.Join(p.errs...)
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	var root yaml.Node
	if err := dec.Decode(&root); errors.Is(err, io.EOF) {
		p.fail(1, "the file is empty; it wants network, netuid and neurons")
		return nil, errors.Join(p.errs...)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		p.fail(1, "one YAML document is wanted, and something follows the first")
	}
	net := p.network(root.Content[0])
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	return net, nil
}

// parser gathers mistakes.
type parser struct {
	name string
	errs []error
}

// mostErrors is how many mistakes are told; more would not be read.
const mostErrors = 100

func (p *parser) fail(line int, format string, args ...any) {
	if len(p.errs) > mostErrors {
		return
	}
	if len(p.errs) == mostErrors {
		p.errs = append(p.errs, fmt.Errorf("%s: and more", p.name))
		return
	}
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s", p.name, line, fmt.Sprintf(format, args...)))
}

func (p *parser) network(root *yaml.Node) *Network {
	var raw network
	if !p.fields(root, map[string]any{
		"network": &raw.Network, "netuid": &raw.Netuid, "block_time": &raw.BlockTime, "tempo": &raw.Tempo,
		"weights_rate_limit": &raw.WeightsRateLimit, "min_weights": &raw.MinWeights,
		"stake_threshold": &raw.StakeThreshold, "neurons": &raw.Neurons,
	}) {
		return nil
	}
	n := &Network{Name: p.text(&raw.Network, "network", root.Line)}
	if len(n.Name) > 64 {
		p.fail(raw.Network.Line, "network: the name has %d bytes, at most 64", len(n.Name))
	}
	if raw.Netuid.IsZero() {
		p.fail(root.Line, "netuid is missing")
	}
	n.Netuid = uint16(p.number(&raw.Netuid, "netuid", 0, 0, 1<<16-1))
	n.Params = chain.Params{
		BlockTime:        p.duration(&raw.BlockTime, "block_time", defaultBlockTime),
		Tempo:            p.number(&raw.Tempo, "tempo", defaultTempo, 1, 1<<32),
		WeightsRateLimit: p.number(&raw.WeightsRateLimit, "weights_rate_limit", defaultRateLimit, 0, 1<<32),
		MinWeights:       int(p.number(&raw.MinWeights, "min_weights", 1, 0, 1<<16)),
		StakeThreshold:   p.tao(&raw.StakeThreshold, "stake_threshold", defaultThreshold),
		MaxNeurons:       maxNeurons,
		MaxValidators:    maxNeurons,
	}
	if len(raw.Neurons) == 0 {
		p.fail(root.Line, "neurons is missing or empty: list at least one")
	}
	if len(raw.Neurons) > maxNeurons {
		p.fail(root.Line, "%d neurons, at most %d", len(raw.Neurons), maxNeurons)
		return n
	}
	keys, uids := map[hotkey.ID]int{}, map[uint16]int{}
	for i := range raw.Neurons {
		m, ok := p.member(&raw.Neurons[i], i, n.Params.StakeThreshold)
		if !ok {
			continue
		}
		if line, twice := keys[m.Hotkey]; twice {
			p.fail(m.Line, "hotkey %s is already in line %d", m.Hotkey, line)
		}
		if line, twice := uids[m.UID]; twice {
			p.fail(m.Line, "uid %d is already that of line %d; give both a uid of their own", m.UID, line)
		}
		keys[m.Hotkey], uids[m.UID] = m.Line, m.Line
		n.Members = append(n.Members, m)
	}
	return n
}

// maxNeurons bounds the members: consensus is quadratic in them.
const maxNeurons = 4096

func (p *parser) member(node *yaml.Node, index int, threshold chain.Rao) (Member, bool) {
	before := len(p.errs)
	var raw member
	if !p.fields(node, map[string]any{
		"uid": &raw.UID, "hotkey": &raw.Hotkey, "coldkey": &raw.Coldkey,
		"role": &raw.Role, "stake": &raw.Stake, "address": &raw.Address,
	}) {
		return Member{}, false
	}
	m := Member{Line: node.Line}
	m.UID = uint16(p.number(&raw.UID, "uid", uint64(index), 0, maxNeurons-1))
	m.Hotkey = p.key(&raw.Hotkey, "hotkey", p.text(&raw.Hotkey, "hotkey", node.Line))
	if !raw.Coldkey.IsZero() {
		m.Coldkey = p.key(&raw.Coldkey, "coldkey", p.text(&raw.Coldkey, "coldkey", node.Line))
	}
	m.Stake = p.tao(&raw.Stake, "stake", 0)
	if !raw.Address.IsZero() {
		address, err := chain.ParseEndpoint(p.text(&raw.Address, "address", node.Line))
		if err != nil {
			p.fail(raw.Address.Line, "%v", err)
		}
		m.Address = address
	}
	switch m.Role = p.text(&raw.Role, "role", node.Line); m.Role {
	case "validator":
		if m.Stake < threshold || m.Stake == 0 {
			p.fail(node.Line, "this validator's stake of %s is below what is needed: stake_threshold is %s, and more than 0", m.Stake, threshold)
		}
	case "miner":
		if raw.Address.IsZero() {
			p.fail(node.Line, "address is missing: without it nobody can ask this miner")
		}
	case "":
	default:
		p.fail(raw.Role.Line, "role: %q, want validator or miner", m.Role)
	}
	return m, len(p.errs) == before
}

// fields fills the known keys of a mapping and reports the unknown ones. A
// target is a *yaml.Node, or a *[]yaml.Node for a list. It reports false if
// there is no mapping at all.
func (p *parser) fields(node *yaml.Node, into map[string]any) bool {
	if node.Kind != yaml.MappingNode {
		p.fail(node.Line, "want keys and values here")
		return false
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		target, ok := into[key.Value]
		if !ok {
			p.fail(key.Line, "unknown key %q", key.Value)
			continue
		}
		if line, twice := seen[key.Value]; twice {
			p.fail(key.Line, "%s is already set in line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		switch t := target.(type) {
		case *yaml.Node:
			*t = *value
		case *[]yaml.Node:
			if value.Kind != yaml.SequenceNode {
				p.fail(value.Line, "%s: want a list", key.Value)
				continue
			}
			for _, item := range value.Content {
				*t = append(*t, *item)
			}
		}
	}
	return true
}

// text gives a scalar, or reports that it is missing or no scalar.
func (p *parser) text(node *yaml.Node, key string, line int) string {
	switch {
	case node.IsZero():
		p.fail(line, "%s is missing", key)
	case node.Kind != yaml.ScalarNode || node.Value == "" || node.Tag == "!!null":
		p.fail(node.Line, "%s: want a value", key)
	default:
		return node.Value
	}
	return ""
}

func (p *parser) number(node *yaml.Node, key string, standard, low, high uint64) uint64 {
	if node.IsZero() {
		return standard
	}
	n, err := strconv.ParseUint(p.text(node, key, node.Line), 10, 64)
	if err != nil || n < low || n > high {
		p.fail(node.Line, "%s: %q, want a whole number from %d to %d", key, node.Value, low, high)
		return standard
	}
	return n
}

func (p *parser) duration(node *yaml.Node, key string, standard time.Duration) time.Duration {
	if node.IsZero() {
		return standard
	}
	d, err := time.ParseDuration(p.text(node, key, node.Line))
	if err != nil || d < 100*time.Millisecond || d > 24*time.Hour {
		p.fail(node.Line, "%s: %q, want a duration from 100ms to 24h, such as 12s", key, node.Value)
		return standard
	}
	return d
}

func (p *parser) tao(node *yaml.Node, key string, standard chain.Rao) chain.Rao {
	if node.IsZero() {
		return standard
	}
	amount, err := chain.ParseTAO(p.text(node, key, node.Line))
	if err != nil {
		p.fail(node.Line, "%s: %v", key, err)
		return standard
	}
	return amount
}

func (p *parser) key(node *yaml.Node, key, text string) hotkey.ID {
	if text == "" {
		return hotkey.ID{} // already reported
	}
	id, err := hotkey.ParseID(text)
	if err != nil {
		p.fail(node.Line, "%s: %v", key, err)
	} else if id.IsZero() {
		p.fail(node.Line, "%s: the zero key names nobody", key)
	}
	return id
}
