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

// keyFile keeps the API key's text, so that a restart shows the same one.
// Only a devnet does that: elsewhere a key is shown once.
const keyFile = "api-key"

// apiKey gives the devnet's API key, made when there is none.
func apiKey(ctx context.Context, st store.Store, data string) (string, error) {
	path := filepath.Join(data, keyFile)
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
	_, err = st.CreateKey(ctx, apikey.Key{Name: "devnet", Hash: apikey.HashOf(key), Hint: key[len(key)-4:], Created: time.Now()})
	return key, err
}
