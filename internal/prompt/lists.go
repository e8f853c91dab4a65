package prompt

var months = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

var names = []string{"Amara", "Bogdan", "Chidi", "Daniela", "Emre", "Fatima", "Giulia", "Hiroshi", "Ingrid", "Jamal", "Katarzyna", "Luis",
	"Mei", "Nikhil", "Olga", "Pedro", "Quentin", "Rania", "Sven", "Tomasz", "Uma", "Viktor", "Wanjiru", "Ximena", "Yusuf", "Zoe", "Aoife", "Bilal", "Clara", "Dmitri"}

var cities = []string{"Lisbon", "Kraków", "Nairobi", "Osaka", "Leeds", "Montréal", "Valparaíso", "Bergen", "Hanoi", "Tbilisi", "Accra", "Pittsburgh",
	"Ghent", "Pune", "Zagreb", "Cork", "Porto Alegre", "Malmö", "Izmir", "Adelaide", "Oaxaca", "Tallinn"}

// lists are the gaps that do not depend on the domain.
var lists = map[string][]string{
	"name": names, "month": months,
	"weekday": {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"},
	"season":  {"spring", "summer", "autumn", "winter"},
	"number":  {"two", "three", "four", "five", "six", "seven", "eight", "ten"},
	"ordinal": {"first", "second", "third", "fourth", "last"},
	"role": {"nurse", "retired engineer", "student", "teacher", "bus driver", "translator", "freelancer", "shop owner", "parent of three", "librarian",
		"product manager", "electrician", "PhD student", "volunteer", "career changer", "paramedic", "receptionist", "journalist"},
	"audience": {"a ten-year-old", "a complete beginner", "an impatient manager", "a sceptical colleague", "my grandmother", "a class of teenagers",
		"someone who has never heard of it", "an expert in another field", "a visitor from abroad"},
	"tone": {"friendly", "formal", "dry", "warm but firm", "light-hearted", "matter-of-fact", "encouraging", "concise", "slightly ironic"},
	"format": {"a numbered list", "a short table", "bullet points", "two paragraphs", "a checklist", "a dialogue", "a letter", "plain prose without headings",
		"a table with three columns", "a decision tree in text", "an outline"},
	"limit": {"in at most 40 words", "in about 40 words", "in at most 60 words", "in about 60 words", "in at most 75 words", "in about 75 words", "in at most 100 words", "in about 100 words",
		"in at most 120 words", "in about 120 words", "in at most 150 words", "in about 150 words", "in at most 200 words", "in about 200 words", "in at most 250 words", "in about 250 words",
		"in at most 300 words", "in about 300 words", "in one paragraph", "as briefly as you can", "step by step", "in three sentences", "in five bullet points", "in two short paragraphs"},
	"aspect": {"cost", "time", "safety", "what beginners get wrong", "the effort involved", "long-term results", "what to do first", "what can be skipped",
		"the most common mistake", "how to tell whether it worked"},
	"bug":     {"the result is empty", "the last element is missing", "it hangs after the last update", "the numbers are too high", "it works only the first time", "it fails for exactly one customer", "two runs give different results", "it uses more memory every hour"},
	"hedge":   {"I think", "As far as I can tell", "From what I have read", "My impression is that", "According to a colleague,", "Somebody told me that"},
	"linking": {"Meanwhile", "In addition", "By contrast", "As a result", "Even so", "Afterwards", "For that reason", "In the same week"},
	"style":   {"watercolour", "oil painting", "film photograph", "pencil sketch", "3D render", "woodcut", "pixel art", "long-exposure photograph", "children's book illustration", "ukiyo-e print", "studio photograph", "comic panel", "charcoal drawing", "matte painting", "macro photograph", "isometric illustration"},
	"subject": {"an old lighthouse keeper", "a red fox", "a glass teapot", "two children with a kite", "a tram", "an astronaut", "a sleeping cat", "a blacksmith", "a paper boat",
		"a jazz trio", "a market woman with oranges", "a stone bridge", "a rusty robot", "an owl", "a bicycle with a basket of flowers", "a chess player", "a wooden sailing ship",
		"a snow leopard", "a bowl of ramen", "an empty swimming pool", "a violin maker", "a greenhouse", "a mechanical beetle", "a lone hiker", "a bookshop"},
	"doing": {"seen from above", "in a narrow alley", "under a sky full of stars", "beside a frozen lake", "at a crowded station", "on a windy cliff", "in an abandoned factory",
		"in a field of lavender", "inside a giant library", "on the surface of Mars", "in front of a mossy wall", "in a small kitchen", "at the edge of a desert",
		"reflected in a puddle", "among paper lanterns", "in thick fog", "behind a rain-streaked window", "in a flooded valley"},
	"light": {"soft morning light", "neon light", "golden hour", "candlelight", "harsh noon sun", "moonlight", "overcast light", "light through blinds", "firelight",
		"backlight with a thin rim", "the blue light before dawn"},
	"mood":    {"calm", "melancholic", "playful", "eerie", "festive", "lonely", "hopeful", "tense", "dreamlike", "nostalgic"},
	"palette": {"muted greens and browns", "teal and orange", "black and white", "pastel colours", "deep blues", "warm ochre tones", "faded colours", "vivid primary colours"},
	"lens":    {"35 mm lens", "shallow depth of field", "wide angle", "85 mm portrait lens", "tilt-shift", "high detail", "soft focus", "grainy film", "sharp focus", "symmetrical composition", "low angle", "rule of thirds"},
	"artobject": {"a broken umbrella", "a stack of letters", "a brass telescope", "three lemons", "a chipped mug", "an open suitcase", "a string of lights", "a pair of muddy boots",
		"a folded map", "a birdcage", "an old radio", "a half-eaten apple", "a blue scarf", "a pocket watch"},
	"fruit": {"apples", "tickets", "books", "tiles", "bottles", "stamps", "chairs", "eggs", "screws", "postcards"},
}
