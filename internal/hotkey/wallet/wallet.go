// Package wallet reads and writes hotkey files where the official tools keep
// them: ~/.bittensor/wallets/NAME/hotkeys/HOTKEY, mode 0600, in folders of mode
// 0700. The format is the business of the package hotkey.
//
// Invariants: a file that exists is never replaced; a file is complete or
// absent, also after a crash; no error quotes a file's content.
package wallet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vision/internal/hotkey"
)

// maxSize bounds what is read as a wallet file, in bytes; real ones have about 600.
const maxSize = 64 << 10

// ErrExists is wrapped by Save when there is a file already.
var ErrExists = errors.New("the file exists already and is not replaced")

// Expand replaces a leading ~/ by the user's home directory.
func Expand(path string) (string, error) {
	rest, tilde := strings.CutPrefix(path, "~/")
	if path != "~" && !tilde {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("expand %s: %w", path, err)
	}
	if path == "~" {
		return home, nil
	}
	return filepath.Join(home, rest), nil
}

// Load reads the hotkey in the file at path (a leading ~/ is expanded). For an
// encrypted file it calls password, once, and then takes seconds and 512 MiB;
// with a nil password it returns an error wrapping hotkey.ErrEncrypted.
func Load(path string, password func() (string, error)) (*hotkey.Key, error) {
	path, err := Expand(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("load hotkey: there is no file %s: create it, or name the right wallet and hotkey: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("load hotkey: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return nil, fmt.Errorf("load hotkey: %s is not a file of at most %d bytes: %w", path, maxSize, hotkey.ErrWallet)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load hotkey: %w", err)
	}
	if hotkey.Encrypted(content) && password != nil {
		secret, err := password()
		if err != nil {
			return nil, fmt.Errorf("load hotkey %s: ask for its password: %w", path, err)
		}
		if content, err = hotkey.Decrypt(content, secret); err != nil {
			return nil, fmt.Errorf("load hotkey %s: %w", path, err)
		}
	}
	key, err := hotkey.ParseWallet(content)
	if err != nil {
		return nil, fmt.Errorf("load hotkey %s: %w", path, err)
	}
	return key, nil
}

// Save writes key to a new file at path (a leading ~/ is expanded), making the
// folders above it. It returns an error wrapping ErrExists rather than replace
// a file, even one that another process makes at the same moment.
func Save(path string, key *hotkey.Key) error {
	path, err := Expand(path)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("save hotkey: %w", err)
	}
	// Write elsewhere, then link: a link never replaces, a rename would.
	temp, err := os.CreateTemp(dir, ".hotkey-*") // mode 0600
	if err != nil {
		return fmt.Errorf("save hotkey: %w", err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(hotkey.Wallet(key))
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return fmt.Errorf("save hotkey: %w", err)
	}
	err = os.Link(temp.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("save hotkey %s: %w: choose another name, or move it away yourself", path, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("save hotkey: %w", err)
	}
	return nil
}
