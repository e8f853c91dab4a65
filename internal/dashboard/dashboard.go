package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"vision/internal/dispatch"
	"vision/internal/task"
)

// Config is what a Dashboard is made of.
type Config struct {
	// Catalogue gives the tasks on sale.
	Catalogue func() *task.Catalogue
	// Supply says what can be had of a task now; *dispatch.Board does.
	Supply func(task string, now time.Time) dispatch.Supply
	// Name is what the operator calls the access point. Default: "Vision".
	Name string
	// Notice is a text of the operator's on the page, such as terms or whom to
	// ask for a key; an empty line ends a paragraph. It may be empty.
	Notice string
	// Quiet leaves out the live figures: miners, capacity, speed.
	Quiet bool
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// The longest texts, in characters.
const (
	MostName   = 80
	MostNotice = 4000
)

// Dashboard serves the pages. It is safe for concurrent use.
type Dashboard struct {
	config Config
	files  map[string]*file // by path; none changes

	mu     sync.Mutex // guards the rest
	status *file      // the newest
	made   time.Time  // when
}

// StatusPath and DocumentPath are where programs find the offer and the API's
// description.
const (
	StatusPath   = "/status.json"
	DocumentPath = "/openapi.json"
)

// New makes a Dashboard.
func New(c Config) (*Dashboard, error) {
	switch {
	case c.Catalogue == nil || c.Supply == nil:
		return nil, errors.New("dashboard: Catalogue or Supply is missing")
	case utf8.RuneCountInString(c.Name) > MostName:
		return nil, fmt.Errorf("dashboard: the name has more than %d characters", MostName)
	case utf8.RuneCountInString(c.Notice) > MostNotice:
		return nil, fmt.Errorf("dashboard: the notice has more than %d characters", MostNotice)
	}
	if c.Name == "" {
		c.Name = "Vision"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	document, err := Document()
	if err != nil {
		return nil, err
	}
	assets, err := assets()
	if err != nil {
		return nil, err
	}
	page, err := page(c, assets.folder, document)
	if err != nil {
		return nil, err
	}
	d := &Dashboard{config: c, files: assets.files}
	d.files["/"] = newFile(page, "text/html; charset=utf-8", revalidate)
	d.files[DocumentPath] = newFile(document, "application/json", revalidate)
	d.files[DocumentPath].open = true
	return d, nil
}

// Has says whether there is something at a path.
func (d *Dashboard) Has(path string) bool {
	return path == StatusPath || d.files[path] != nil
}

// ServeHTTP answers GET and HEAD for the paths that Has knows.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == StatusPath {
		d.current().serve(w, r)
		return
	}
	if f := d.files[r.URL.Path]; f != nil {
		f.serve(w, r)
		return
	}
	http.NotFound(w, r)
}
