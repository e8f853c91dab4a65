package devnet

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vision/internal/config"
)

// CatalogueFile is where a data folder keeps its task catalogue.
func CatalogueFile(data string) string { return filepath.Join(data, "catalogue.yaml") }

// writeCatalogue writes the tasks once; afterwards the file is the operator's.
func (d *Devnet) writeCatalogue() error {
	file := CatalogueFile(d.options.Data)
	text := config.DevnetCatalogue()
	if d.options.Server != "" {
		text = realCatalogue(d.options)
	}
	old, err := os.ReadFile(file)
	if err == nil {
		if strings.HasPrefix(string(old), realServerMark) != (d.options.Server != "") {
			return fmt.Errorf("%s was made for a devnet %s a real model server: use another data folder, or remove that file",
				file, map[bool]string{true: "without", false: "on"}[d.options.Server != ""])
		}
		return nil
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("write the task catalogue: %w", err)
	}
	return nil
}
