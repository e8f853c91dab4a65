package devnet

import (
	"time"

	"vision/internal/node"
)

// mechanism is what the devnet scores by. Under vision7 its parameters allow
// for what a devnet is. Periods are short and a beacon takes much of them, so
// there are fewer. All miners share this machine with the validator, so being
// slower while all are asked is mostly the machine's doing. If all of them stand
// in front of one real model server, beacons find it with all of their requests at once:
// what they can show there is that they answer at all, and not how fast.
func (d *Devnet) mechanism() node.MechanismConfig {
	if name := d.options.Mechanism; name != "" && name != "vision7" {
		return node.MechanismConfig{Name: name}
	}
	c := node.MechanismConfig{Name: "vision7", Parameters: map[string]float64{"beacons": 2, "slack": 1, "slow_power": 0.25}}
	if d.options.Server != "" {
		c.Parameters["late"], c.Parameters["slow_power"] = 10, 0
		c.Parameters["slack"] = min(max(d.options.Period/4, time.Second), time.Minute).Seconds()
	}
	return c
}
