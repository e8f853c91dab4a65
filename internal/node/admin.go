package node

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	"vision/internal/admin"
	"vision/internal/daemon"
	"vision/internal/hotkey/wallet"
)

// AdminConfig is the API by which access is administered. It runs in the
// process that has the gateway's role.
type AdminConfig struct {
	// Listen is where it is served over plain HTTP, host:port; nowhere if empty.
	Listen string `yaml:"listen"`
	// TokenFile names a file that holds its credential: at least 32 characters,
	// and readable by nobody but its owner.
	TokenFile string `yaml:"token_file"`
}

func (c *AdminConfig) check(report func(field, format string, args ...any)) {
	switch {
	case c.Listen == "" && c.TokenFile != "":
		report("admin.listen", "is empty, and there is a token_file: say where the admin API is served")
	case c.Listen != "":
		checkListen("admin.listen", c.Listen, report)
		if c.TokenFile == "" {
			report("admin.token_file", "is missing: name a file that holds the admin API's credential")
		}
	}
}

// readToken reads a credential that others must not be able to read.
func readToken(file string) (string, error) {
	path, err := wallet.Expand(file)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("the admin API's token: %w; make one with `(umask 077; openssl rand -hex 32 > %s)`", err, file)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("the admin API's token: others than its owner may use %s (mode %04o): run `chmod 600 %s`", path, mode, path)
	}
	token, err := readSecret(file)
	if err != nil {
		return "", err
	}
	if len(token) < admin.MinToken {
		return "", fmt.Errorf("the admin API's token: %s holds %d characters, want at least %d: draw one with `openssl rand -hex 32`", path, len(token), admin.MinToken)
	}
	return token, nil
}

// addAdmin adds the admin API, if the configuration has it.
func (v *Validator) addAdmin() error {
	if v.config.Admin.Listen == "" {
		return nil
	}
	token, err := readToken(v.config.Admin.TokenFile)
	if err != nil {
		return err
	}
	s, err := admin.NewServer(admin.Config{Office: &admin.Office{Store: v.store, Catalogue: v.Catalogue.Catalogue}, Token: token, Log: v.Log})
	if err != nil {
		return err
	}
	server := s.HTTP()
	var accepting net.Listener
	v.admin = &listening{}
	v.group.Add(daemon.Component{
		Name: "admin API",
		Start: func(context.Context) (err error) {
			if accepting, err = net.Listen("tcp", v.config.Admin.Listen); err == nil {
				v.admin.addr = accepting.Addr().String()
			}
			return err
		},
		Serve: func(context.Context) error {
			if err := server.Serve(accepting); err != http.ErrServerClosed {
				return err
			}
			return nil
		},
		Stop: func(ctx context.Context) error { return shutdown(ctx, server) },
	})
	return nil
}

// Admin is where the admin API is served, once ready; "" without it.
func (v *Validator) Admin() string {
	if v.admin == nil {
		return ""
	}
	return v.admin.addr
}
