package local

import "testing"

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"Version":1,"Network":"devnet","Netuid":19,"BaseBlock":1,"Block":1,"BlockTime":1,"Stakes":{},"Neurons":[{"Weights":{"0":1},"Bonds":[0.5]}]}`))
	f.Add([]byte(`{"Version":2}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := decode("file", raw)
		if err != nil {
			return
		}
		// Whatever passes can run an epoch.
		c := Devnet(nil)
		s.clone().epoch(s.NextEpoch, c)
	})
}
