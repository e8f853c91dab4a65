package prompt

var (
	scenes = []string{
		"{style} of {subject} {doing}",
		"{subject} {doing}, {style}",
		"{subject} {doing}, {light}",
		"a {mood} scene: {subject} {doing}",
		"{subject} with {artobject}, {style}",
		"poster for a film about {subject} {doing}",
		"{subject}, {mood}, {palette}",
	}
	shortScenes = []string{"{subject}", "{artobject}", "{subject}, {mood}", "{artobject}, {style}", "{style} of {artobject}", "{city} at night", "{city} in {season}"}
	sceneParts  = []string{
		"{light}", "{mood} atmosphere", "{palette}", "{lens}", "in the style of a {style}", "{artobject} in the foreground", "{subject} in the background",
		"{city}, {1890-2040}", "{season}", "{number} {fruit} on the ground", "{light} from one side", "no text", "set in {city} in {season}", "{mood} expression",
		"textures of wood and stone", "a sign with the number {2-999}",
	}
)

func (w *writer) scene(n int) string {
	if n < 40 {
		return capitalSometimes(w, w.nearest(n, shortScenes))
	}
	text := w.nearest(min(n, 80), scenes)
	text = w.extend(text, ", ", n, w.deck(sceneParts))
	if w.sloppy {
		return w.careless(text)
	}
	return capitalSometimes(w, text)
}

func capitalSometimes(w *writer, text string) string {
	if w.chance(3) {
		return capital(text)
	}
	return text
}
