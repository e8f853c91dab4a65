package evidence

// Response is one judged response with all that the tests need. It is also the
// form in which evaluations are recorded, one JSON object a line.
type Response struct {
	Label  string `json:"label,omitempty"`  // what the miner did, in an evaluation: "honest", "4 bits"
	Prompt string `json:"prompt,omitempty"` // which prompt it answers; evaluations split by it
	Stack  string `json:"stack,omitempty"`  // which server wrote it

	Temperature float64 `json:"temperature"`     // as asked for; 0 is greedy
	TopP        float64 `json:"top_p,omitempty"` // (0, 1]; 0 counts as 1
	MaxTokens   int     `json:"max_tokens,omitempty"`
	Finish      string  `json:"finish,omitempty"` // finish_reason

	IDs    bool `json:"ids,omitempty"`    // positions are of the miner's own token ids; else of its text, read again
	Redraw bool `json:"redraw,omitempty"` // the miner samples as the reference does, and positions say what that drew

	// Guilt names the test that no honest server fails and this response did; ""
	// for none. There are no positions then.
	Guilt string `json:"guilt,omitempty"`

	// Claims says that test F is among the response's tests though none of its
	// log-probabilities can be told to belong to a position. What positions claim implies it.
	Claims bool `json:"claims,omitempty"`

	Replay    *Replay    `json:"replay,omitempty"` // nil if the request was not replayed
	Positions []Position `json:"positions,omitempty"`

	// Earlier is how it compares with the same miner's answer to the same prompt
	// under another seed, in an evaluation; nil if there was none. (The checker remembers
	// answers itself, and weighs this as a part of its own.)
	Earlier *Earlier `json:"earlier,omitempty"`

	// Hidden says that no test may look at what the positions' Claimed hold: the
	// miner kept it to itself, and only an evaluation knows.
	Hidden bool `json:"hidden,omitempty"`

	// What it cost, seconds: to check, and to write it with the reference itself.
	CheckSeconds float64 `json:"check_seconds,omitempty"`
	WriteSeconds float64 `json:"write_seconds,omitempty"`
}

// Earlier is an answer that came before: what Copied wants to know of it.
type Earlier struct {
	Same     int       `json:"same"`     // of its first tokens, how many come again
	Logprobs []float64 `json:"logprobs"` // the most of each of its tokens under the request's own distribution
}

// Replay is how the reference's own answer to the same request compares.
type Replay struct {
	Same   int  `json:"same"`   // tokens up to where they part
	Parted bool `json:"parted"` // they do part
}

// Position is one token of a response beside what the reference would have
// written there, given everything before it. Logarithms are natural, of
// probabilities at temperature 1 unless said otherwise.
type Position struct {
	Token   int     `json:"token"`
	Best    bool    `json:"best,omitempty"` // the reference's own first choice
	Rank    int     `json:"rank,omitempty"` // 1 for the first choice; 0 if unknown
	Gap     float64 `json:"gap"`            // between its two best log-probabilities, >= 0
	Deficit float64 `json:"deficit"`        // of Token's log-probability below the best, >= 0
	Logprob float64 `json:"logprob"`        // of Token
	Exact   bool    `json:"exact,omitempty"`

	// Claimed is what the miner says that Token's log-probability was; nil if it says nothing.
	Claimed *float64 `json:"claimed,omitempty"`

	// Entropy and Variance are of -ln p, in nats and nats squared, under the
	// request's own distribution, and Own its ln p of Token; 0 if unknown.
	Entropy  float64 `json:"entropy,omitempty"`
	Variance float64 `json:"variance,omitempty"`
	Own      float64 `json:"own,omitempty"`
	// Most is the most that Own may be for where the edge of top_p lies.
	Most float64 `json:"most,omitempty"`

	// Top holds the likeliest tokens, best first, if they are kept, and Others
	// the log-probabilities that other models give to the same tokens.
	Top    []Listed    `json:"top,omitempty"`
	Others [][]float64 `json:"others,omitempty"`

	// Contrast holds ln q(Token)/p(Token) for each alternative q to the request's
	// own distribution p; see Contrast. Nil if unknown; else of the same length
	// in all positions. Flatter says by how much noise may raise each one's
	// expected value, per square nat.
	Contrast []float64 `json:"contrast,omitempty"`
	Flatter  []float64 `json:"flatter,omitempty"`

	// End, if HasEnd, is the chance under p of an end here; Ends says that the
	// response does end here.
	End float64 `json:"end,omitempty"`
	// EndLow and EndHigh are how low and high that may be for where the edge of
	// top_p lies; both 0 counts as End for both.
	EndLow  float64 `json:"end_low,omitempty"`
	EndHigh float64 `json:"end_high,omitempty"`
	Ends    bool    `json:"ends,omitempty"`
	HasEnd  bool    `json:"has_end,omitempty"`

	// If the response is redrawn: what the reference draws here with the
	// request's seed. Margin and Miss are of the cumulative distribution, [0, 1].
	Margin float64 `json:"margin,omitempty"` // from the random number to the edge of what it drew
	Miss   float64 `json:"miss,omitempty"`   // from the random number to Token's share
	Share  float64 `json:"share,omitempty"`  // Token's share
	Drawn  bool    `json:"drawn,omitempty"`  // it drew Token too
}

// Listed is one alternative of a position.
type Listed struct {
	Token   int     `json:"token"`
	Logprob float64 `json:"logprob"`
}
