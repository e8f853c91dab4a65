package wallet

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vision/internal/hotkey"
)

func key(t *testing.T, fill byte) *hotkey.Key {
	t.Helper()
	k, err := hotkey.Generate(bytes.NewReader(bytes.Repeat([]byte{fill}, 16)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSaveThenLoad(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	k := key(t, 1)
	if err := Save("~/.bittensor/wallets/owner/hotkeys/gpu-1", k); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(os.Getenv("HOME"), ".bittensor/wallets/owner/hotkeys/gpu-1")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode().Perm())
	}
	back, err := Load("~/.bittensor/wallets/owner/hotkeys/gpu-1", nil)
	if err != nil || back.ID() != k.ID() {
		t.Fatalf("%v, %v", back, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("temporary files are left behind: %v, %v", entries, err)
	}
}

func TestSaveNeverReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hot")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		k := key(t, byte(i))
		wg.Go(func() { errs[i] = Save(path, k) })
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Errorf("savers %d and %d both believe they wrote the file", winner, i)
		case !errors.Is(err, ErrExists):
			t.Errorf("saver %d: %v, want ErrExists", i, err)
		}
	}
	back, err := Load(path, nil)
	if err != nil || winner < 0 || back.ID() != key(t, byte(winner)).ID() {
		t.Fatalf("the file is not the winner's (%d): %v, %v", winner, back, err)
	}
}

func TestLoadErrorsSayWhatToDo(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none"), nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "create it") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(dir, nil); !errors.Is(err, hotkey.ErrWallet) {
		t.Errorf("folder: %v", err)
	}
	sealed := filepath.Join(dir, "sealed")
	if err := os.WriteFile(sealed, []byte("$NACLxxxx"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(sealed, nil); !errors.Is(err, hotkey.ErrEncrypted) || !strings.Contains(err.Error(), sealed) {
		t.Errorf("encrypted file without password: %v", err)
	}
	stop := errors.New("no terminal")
	if _, err := Load(sealed, func() (string, error) { return "", stop }); !errors.Is(err, stop) {
		t.Errorf("password prompt fails: %v", err)
	}
}
