package imports

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// check lists what breaks the rules, each with its place and its reason.
func check(module string, packages []pkg) []string {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, p := range packages {
		if base := path.Base(p.path); heaps(base) || heaps(p.name) {
			say("%s: a package called %q collects what belongs nowhere: name it after the thing it is about", p.path, base)
		}
		layer, known := layerOf[p.path]
		if !known {
			say("%s: say which layer it belongs to, in layerOf of test/imports/layers.go (pure if it has no I/O, clock or chance; else adapter, role, plumbing, test kit or wiring)", p.path)
			continue
		}
		for _, u := range p.uses {
			if why := forbidden(module, p.path, layer, u); why != "" {
				say("%s: %s (%s) %s", u.at, p.path, layer, why)
			}
		}
	}
	return wrong
}

// forbidden says why a package may not use something; empty if it may.
func forbidden(module, from string, layer Layer, u use) string {
	r := rules[layer]
	if u.symbol != "" {
		if m, ok := mentions[layer][u.pkg]; ok && m.banned(u.symbol) {
			return fmt.Sprintf("uses %s.%s: %s", u.pkg, u.symbol, m.why)
		}
		return ""
	}
	if own, ok := strings.CutPrefix(u.pkg, module+"/"); ok {
		to := strings.TrimPrefix(own, "internal/")
		target, known := layerOf[to]
		if !known || slices.Contains(r.layers, target) || exceptions[[2]string{from, to}] != "" {
			return "" // an unknown package is reported where it stands
		}
		return fmt.Sprintf("imports %s (%s): %s", to, target, r.why)
	}
	if why, ok := r.banned[u.pkg]; ok {
		return fmt.Sprintf("imports %s: %s", u.pkg, why)
	}
	if u.pkg == "C" {
		return "imports C: the program is built by Go alone"
	}
	if outside(u.pkg) && r.modules != nil && !slices.ContainsFunc(r.modules, func(m string) bool { return u.pkg == m || strings.HasPrefix(u.pkg, m+"/") }) {
		return fmt.Sprintf("imports %s: of other modules this layer may use only %s; another needs a line in test/imports/layers.go and a reason", u.pkg, strings.Join(r.modules, ", "))
	}
	return ""
}

// outside says whether a package is of another module: those begin with a
// host's name, which has a dot.
func outside(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return strings.Contains(first, ".")
}
