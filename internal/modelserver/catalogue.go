package modelserver

import "vision/internal/task"

// For is a configuration that answers to the names of a catalogue's tasks,
// with the full reference models.
func For(c *task.Catalogue, tokensPerSecond float64) Config {
	config := Config{TokensPerSecond: tokensPerSecond}
	for _, t := range c.Tasks() {
		kind, ok := task.KindNamed(t.Kind)
		if !ok {
			continue
		}
		switch kind.Evidence() {
		case task.Tokens:
			config.Text.Models = append(config.Text.Models, t.Name)
		case task.Image:
			config.Image.Models = append(config.Image.Models, t.Name)
		case task.Vector:
			config.Embedding.Models = append(config.Embedding.Models, t.Name)
		}
	}
	return config
}
