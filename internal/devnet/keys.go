package devnet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vision/internal/apikey"
	"vision/internal/hotkey"
	"vision/internal/hotkey/wallet"
	"vision/internal/ledger"
	"vision/internal/store"
)

// keyring keeps a hotkey for each name in a folder, made when first asked for.
type keyring struct{ folder string }

func (k *keyring) key(name string) (*hotkey.Key, error) {
	path := filepath.Join(k.folder, name)
	key, err := wallet.Load(path, nil)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if key, err = hotkey.Generate(rand.Reader); err != nil {
		return nil, err
	}
	return key, wallet.Save(path, key)
}

// names are those of all keys in the folder.
func (k *keyring) names() map[hotkey.ID]string {
	names := map[hotkey.ID]string{}
	entries, err := os.ReadDir(k.folder)
	if err != nil {
		return names
	}
	for _, e := range entries {
		if key, err := wallet.Load(filepath.Join(k.folder, e.Name()), nil); err == nil {
			names[key.ID()] = e.Name()
		}
	}
	return names
}

// These files keep the API keys' texts, so that a restart shows the same ones.
// Only a devnet does that: elsewhere a key is shown once.
const (
	keyFile     = "api-key"
	prepaidFile = "api-key-prepaid"
)

// prepaidProject is the project of a devnet that pays.
const prepaidProject = "prepaid"

// prepaidKey gives the key of the prepaid project, made with it and its first
// deposit when there is none. The deposit is booked once, however often the
// devnet starts.
func prepaidKey(ctx context.Context, st store.Store, data string, credits ledger.Amount) (string, error) {
	all, err := st.Projects(ctx)
	if err != nil {
		return "", err
	}
	var p apikey.Project
	for _, other := range all {
		if other.Name == prepaidProject {
			p = other
		}
	}
	now := time.Now()
	if p.ID == 0 {
		if p, err = st.CreateProject(ctx, apikey.Project{Name: prepaidProject, Kind: apikey.Prepaid, Created: now}); err != nil {
			return "", err
		}
	}
	_, err = st.Deposit(ctx, p.ID, credits, "devnet --prepaid", "the devnet's first deposit", now)
	if err != nil && !errors.Is(err, store.ErrExists) { // it was of another amount then: further ones are deposited by hand
		return "", err
	}
	return apiKey(ctx, st, data, prepaidFile, p.ID)
}

// AdminTokenFile is where a data folder keeps the admin API's token.
func AdminTokenFile(data string) string { return filepath.Join(data, "admin-token") }

// adminToken draws the admin API's token, if there is none.
func adminToken(data string) error {
	f, err := os.OpenFile(AdminTokenFile(data), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("keep the admin API's token: %w", err)
	}
	_, err = fmt.Fprintln(f, rand.Text()+rand.Text())
	return errors.Join(err, f.Close())
}

// apiKey gives a project's API key that a file keeps, made when there is none.
func apiKey(ctx context.Context, st store.Store, data, file string, project int64) (string, error) {
	path := filepath.Join(data, file)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the API key: %w", err)
	}
	key := strings.TrimSpace(string(text))
	keys, err := st.Keys(ctx)
	if err != nil {
		return "", err
	}
	for _, k := range keys {
		if key != "" && k.Hash == apikey.HashOf(key) && k.Revoked.IsZero() {
			return key, nil
		}
	}
	if key, err = apikey.Generate(rand.Reader); err != nil {
		return "", err
	}
	if err := os.WriteFile(path, []byte(key+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the API key: %w", err)
	}
	_, err = st.CreateKey(ctx, apikey.Key{Project: project, Name: "devnet", Hash: apikey.HashOf(key), Hint: key[len(key)-4:], Created: time.Now()})
	return key, err
}
