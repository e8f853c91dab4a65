package node

import (
	"vision/internal/gateway"
	"vision/internal/imagefetch"
)

// fetcher follows customers' links, or is nil where that is turned off.
func fetcher(c LinksConfig) gateway.Fetcher {
	if !c.Fetch {
		return nil
	}
	redirects := c.Redirects
	if redirects == 0 {
		redirects = -1 // none; 0 would be the default
	}
	return imagefetch.New(imagefetch.Config{Bytes: c.Bytes, Timeout: c.Timeout, Redirects: redirects, AtOnce: c.AtOnce, Private: c.Private})
}
