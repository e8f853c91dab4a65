package prompt

// domain is the vocabulary of one subject. Every entry of a list fits wherever
// the list is used.
type domain struct {
	topics   []string // what one asks about; follows "about"
	tasks    []string // what one wants to do; follows "to"
	things   []string // one thing with its article
	people   []string // who does it, plural
	troubles []string // what goes wrong: a clause in the present tense
	findings []string // sentences as reports on the subject hold them
}

var domains = []domain{
	{
		topics:   []string{"sourdough starters", "laminated dough", "baking at high altitude", "gluten-free flour blends", "rye bread", "oven steam", "long cold fermentation", "enriched doughs"},
		tasks:    []string{"keep a starter alive while travelling", "scale a bread recipe to twelve loaves", "bake baguettes in a home oven", "replace butter in croissants", "store bread without plastic", "get an open crumb with wholemeal flour"},
		things:   []string{"the starter", "the oven", "the dough", "the proving basket", "the mixer", "the flour from the local mill"},
		people:   []string{"home bakers", "pastry apprentices", "café owners", "people who bake once a week"},
		troubles: []string{"the crust stays pale", "the dough tears when I shape it", "the loaf collapses in the oven", "the bottom burns before the middle is done", "the starter smells of acetone", "the crumb is gummy the next day"},
		findings: []string{"Loaves proved for {8-30} hours scored higher in a blind tasting with {6-60} people.", "At {60-85}% hydration {thing} needed {2-6} folds before it held its shape.", "The batch of {isodate} lost {9-17}% of its weight in the oven.", "A stone of {2-5} cm kept the temperature within {3-15} degrees."},
	},
	{
		topics:   []string{"drip irrigation", "growing tomatoes on a balcony", "companion planting", "composting in winter", "pruning apple trees", "clay soil", "overwintering dahlias", "slugs"},
		tasks:    []string{"plan a vegetable bed of twelve square metres", "start seeds without a greenhouse", "keep basil alive indoors", "water a roof terrace during a holiday", "get rid of bindweed", "choose a hedge that birds like"},
		things:   []string{"the raised bed", "the compost heap", "the rain barrel", "the cold frame", "the old pear tree", "the lawn"},
		people:   []string{"allotment holders", "beginners", "market gardeners", "people with shaded gardens"},
		troubles: []string{"the leaves turn yellow from below", "the seedlings grow long and thin", "something eats the roots", "the soil stays wet for days", "the fruit splits after rain", "nothing germinates"},
		findings: []string{"Plots that were mulched lost {15-60}% less water over {3-12} weeks.", "The last frost in {city} came on {date}.", "Yields rose from {1-3}.{1-9} to {4-7}.{0-9} kg a square metre once {thing} was moved.", "Of {20-400} seedlings, {3-19} failed."},
	},
	{
		topics:   []string{"database indexes", "connection pooling", "eventual consistency", "write-ahead logging", "schema migrations", "query planners", "sharding by tenant", "read replicas"},
		tasks:    []string{"migrate a large table without downtime", "find out why a query got slow", "design a schema for invoices", "back up a database every hour", "choose between row and column storage", "test a migration safely"},
		things:   []string{"the orders table", "the primary", "the replica", "the connection pool", "the nightly job", "the query planner"},
		people:   []string{"backend developers", "database administrators", "small start-up teams", "data engineers"},
		troubles: []string{"the replica lags by minutes", "the same query is fast in staging and slow in production", "deadlocks show up under load", "the index is not used", "disk usage doubles every week", "connections run out at noon"},
		findings: []string{"The 99th percentile fell from {300-900} ms to {20-90} ms after the index was built.", "A vacuum of {thing} took {2-40} minutes on {isodate}.", "With {8-64} connections throughput peaked at {2-40},{100-999} transactions a second.", "The restore drill found {2-12} missing rows in {author}'s copy."},
	},
	{
		topics:   []string{"container orchestration", "blue-green deployments", "log retention", "alert fatigue", "TLS certificate rotation", "load shedding", "incident reviews", "capacity planning"},
		tasks:    []string{"write a runbook for a failed deploy", "cut the cost of our staging cluster", "roll out a config change gradually", "set sensible alert thresholds", "measure availability honestly", "rehearse a regional outage"},
		things:   []string{"the load balancer", "the build server", "the message queue", "the cache", "the on-call rota", "the ingress controller"},
		people:   []string{"site reliability engineers", "platform teams", "junior developers on call", "operations managers"},
		troubles: []string{"pods restart every few hours", "health checks pass while users see errors", "the disk fills up with logs", "latency spikes at the top of the hour", "nobody knows who owns the service", "rollbacks take longer than fixes"},
		findings: []string{"On {date} {thing} refused {2-40}% of requests for {3-55} minutes.", "The error budget was spent {2-11} days before the end of the month.", "{author} restarted {thing} at {10-23}:{10-59} and errors stopped.", "Of {12-90} alerts that week, {3-9} needed a person."},
	},
	{
		topics:   []string{"the fall of Constantinople", "medieval trade routes", "the history of paper", "the Hanseatic League", "Roman concrete", "the Silk Road", "early printing", "the spice trade"},
		tasks:    []string{"explain the causes of a trade war to a class", "compare two sources on the same siege", "write a timeline of a city's growth", "outline an essay on guilds", "find primary sources for a school project", "summarise a century in one page"},
		things:   []string{"the treaty", "the harbour chronicle", "the city wall", "the guild's ledger", "the merchant fleet", "the bishop's letter"},
		people:   []string{"history students", "museum guides", "amateur genealogists", "teachers"},
		troubles: []string{"the sources contradict one another", "the dates use two calendars", "the only copy is a late translation", "the place names changed", "the figures seem exaggerated", "the textbook skips the whole period"},
		findings: []string{"In {1180-1650} the harbour recorded {40-900} ships.", "The chronicle puts the garrison at {2-9},{100-999} men, which {people} doubt.", "Grain prices in {city} rose by {12-80}% within {2-7} years.", "Only {3-28} pages of the ledger survive."},
	},
	{
		topics:   []string{"compound interest", "index funds", "fixed and variable mortgages", "emergency savings", "inflation", "freelance invoicing", "household budgets", "pension contributions"},
		tasks:    []string{"build a monthly budget in a spreadsheet", "compare two loan offers", "explain depreciation to a shop owner", "plan for irregular income", "estimate the cost of a first car", "decide whether to repay a loan early"},
		things:   []string{"the mortgage", "the savings account", "the annual statement", "the quarterly forecast", "the rental contract", "the insurance premium"},
		people:   []string{"first-time buyers", "freelancers", "students", "couples with one income"},
		troubles: []string{"the numbers never add up at the end of the month", "the fees eat the interest", "the bank quotes two different rates", "income varies by half from month to month", "the spreadsheet has become unreadable", "nobody can explain the charge"},
		findings: []string{"Costs rose by {2-19}% while income grew by {1-9}%.", "Over {5-30} years a fee of 0.{3-9}% came to {3-40},{100-999} euros.", "{Thing} was revised on {date}, by {author}.", "Of {40-900} households asked, {20-39} kept no reserve."},
	},
	{
		topics:   []string{"training for a first marathon", "knee pain in runners", "sleep and recovery", "strength training after forty", "heart-rate zones", "stretching before sport", "cycling cadence", "open-water swimming"},
		tasks:    []string{"plan twelve weeks of training with three runs a week", "return to sport after a sprained ankle", "choose shoes for wide feet", "eat before an early race", "swim a kilometre without stopping", "fit exercise around night shifts"},
		things:   []string{"the training plan", "the long run", "the left knee", "the heart-rate monitor", "the rest day", "the warm-up"},
		people:   []string{"beginners over fifty", "club runners", "commuters who cycle", "physiotherapists"},
		troubles: []string{"my pace drops after ten kilometres", "my calves cramp at night", "I am tired for two days after each session", "the watch shows impossible heart rates", "motivation fades in the fourth week", "the pain moves from one side to the other"},
		findings: []string{"Runners who slept under {5-6} hours improved by {1-4}% less.", "After {6-16} weeks the group in {city} ran {2-9}% faster.", "Average heart rate fell from {148-172} to {130-147} beats a minute.", "{10-90} of {100-300} volunteers finished the plan."},
	},
	{
		topics:   []string{"black holes", "the phases of the moon", "tidal locking", "exoplanet detection", "the cosmic microwave background", "meteor showers", "gravitational lensing", "Kepler's laws"},
		tasks:    []string{"explain redshift without equations", "photograph the Milky Way with a phone", "build a sundial for a school yard", "estimate the distance of a star from its parallax", "plan an observing night in a city", "understand why the sky is dark"},
		things:   []string{"the telescope", "the primary mirror", "the orbit", "the light curve", "the observing log", "the spectrograph"},
		people:   []string{"amateur astronomers", "physics students", "curious ten-year-olds", "planetarium visitors"},
		troubles: []string{"the image drifts out of view", "the stars look like short lines", "the calculation is off by a factor of two", "light pollution hides everything but the moon", "two textbooks define the term differently", "the mirror fogs up within an hour"},
		findings: []string{"The star dimmed by 0.{10-99}% for {2-9} hours on {isodate}.", "{Author} counted {12-110} meteors between midnight and {2-5} o'clock.", "The period came out at {3-400}.{1-9} days, with an error of {2-9}%.", "At {200-900} nm the signal was lost in noise."},
	},
	{
		topics:   []string{"subject lines for newsletters", "cold outreach", "onboarding emails", "pricing pages", "customer interviews", "brand voice", "refund policies", "churn"},
		tasks:    []string{"write a friendly reminder about an unpaid invoice", "announce a price increase", "reply to a two-star review", "describe a product in forty words", "prepare questions for five customer interviews", "invite partners to a small event"},
		things:   []string{"the landing page", "the newsletter", "the pricing table", "the free trial", "the support inbox", "the launch plan"},
		people:   []string{"small shop owners", "marketing interns", "sales teams", "founders without a marketing budget"},
		troubles: []string{"nobody opens the second email", "visitors leave at the pricing page", "the tone sounds too formal", "customers ask the same three questions", "the discount attracts the wrong people", "reviews mention slow delivery"},
		findings: []string{"Of {300-9000} recipients {9-48}% opened the message of {date}.", "Sign-ups from {city} doubled within {2-9} weeks.", "{author} rewrote {thing}, and complaints fell by {10-60}%.", "Interviews with {5-40} customers named price {2-4} times as often as speed."},
	},
	{
		topics:   []string{"learning a language as an adult", "spaced repetition", "false friends", "the subjunctive", "accent reduction", "reading novels in a foreign language", "tonal languages", "writing systems"},
		tasks:    []string{"make a study plan for thirty minutes a day", "explain the difference between two past tenses", "practise small talk about the weather", "prepare for an oral exam", "remember the gender of nouns", "write a polite letter of complaint"},
		things:   []string{"the vocabulary list", "the grammar book", "the oral exam", "the language exchange", "the dictionary", "the second chapter"},
		people:   []string{"adult learners", "exchange students", "language teachers", "people who moved abroad for work"},
		troubles: []string{"I understand everything but cannot answer", "the words are gone after a week", "native speakers switch to English", "I mix up the two verbs for 'to be'", "my accent gets in the way", "the textbook dialogues sound wooden"},
		findings: []string{"Learners who reviewed after {2-9} days recalled {40-90}% of the words.", "The class of {author} in {city} met {2-5} times a week.", "After {60-600} hours most passed the exam of {date}.", "Only {4-30} of {100-200} errors were errors of tense."},
	},
	{
		topics:   []string{"road trips with small children", "travelling by night train", "packing light", "travel insurance", "visiting in the rainy season", "local public transport", "hiking huts", "off-season islands"},
		tasks:    []string{"plan four days in a city without a car", "pack for two climates in one bag", "find vegetarian food on a long train ride", "choose between two ferry routes", "keep a tight budget for a week", "avoid the crowds at a famous museum"},
		things:   []string{"the night train", "the rental car", "the ferry", "the guesthouse", "the museum pass", "the coastal path"},
		people:   []string{"families with toddlers", "solo travellers", "retired couples", "students on a budget"},
		troubles: []string{"the connection leaves only nine minutes to change", "everything is closed on Mondays", "the hotel has lost the booking", "my passport expires in four months", "the weather forecast keeps changing", "half the group wants to hike and half to swim"},
		findings: []string{"The crossing took {3-19} hours and cost {20-180} euros.", "In {city} {thing} was full from {date} on.", "{Author} walked {9-34} km on the first day.", "Prices in the off season were {20-60}% lower."},
	},
	{
		topics:   []string{"heat pumps", "insulating an attic", "condensation on windows", "repairing plaster", "rewiring an old house", "solar panels on a shed", "wood stoves", "soundproofing"},
		tasks:    []string{"hang a heavy shelf on a plasterboard wall", "choose insulation for a sloping roof", "stop a tap from dripping", "estimate the paint for two rooms", "silence a humming fridge", "compare quotes from three builders"},
		things:   []string{"the boiler", "the north wall", "the bathroom fan", "the radiator", "the fuse box", "the attic hatch"},
		people:   []string{"tenants", "owners of old houses", "landlords", "people who have never held a drill"},
		troubles: []string{"the windows are wet every morning", "the breaker trips when the oven is on", "one radiator stays cold", "there is a brown stain on the ceiling", "the floor creaks in exactly one place", "the quote doubled after the visit"},
		findings: []string{"Heating demand fell from {120-240} to {50-110} kWh a square metre.", "Humidity in the bedroom was {55-82}% on {date}.", "{author}'s survey found {2-14} cold bridges near {thing}.", "The work took {2-9} days and {1-6} people."},
	},
	{
		topics:   []string{"choosing a primary school", "screen time", "toddler sleep", "sibling rivalry", "bilingual families", "pocket money", "picky eaters", "reading aloud"},
		tasks:    []string{"explain death to a five-year-old", "plan a birthday party for ten children indoors", "get a teenager out of bed", "invent a bedtime story about a brave snail", "agree on rules for phones", "prepare a child for a new sibling"},
		things:   []string{"the bedtime routine", "the school bus", "the birthday party", "the tablet", "the lunch box", "the parents' evening"},
		people:   []string{"new parents", "grandparents", "single fathers", "childminders"},
		troubles: []string{"bedtime takes two hours", "she eats nothing but pasta", "the brothers fight over every toy", "he says that school is boring", "the homework ends in tears", "nobody answers the school's messages"},
		findings: []string{"Of {40-400} families in {city}, {30-80}% read aloud at least {2-6} evenings a week.", "Children slept {10-55} minutes longer once {thing} moved earlier.", "{author} noted {3-19} quarrels in {5-14} days.", "At age {4-12} most had their own device by {date}."},
	},
	{
		topics:   []string{"unit testing", "code review", "dependency injection", "memory leaks", "regular expressions", "floating-point rounding", "asynchronous programming", "technical debt"},
		tasks:    []string{"refactor a function of three hundred lines", "write a parser for a small config format", "remove duplicates from a list while keeping order", "explain recursion to a beginner", "choose a name for a boolean", "debug a race condition"},
		things:   []string{"the test suite", "the parser", "the event loop", "the legacy module", "the type checker", "the release branch"},
		people:   []string{"self-taught programmers", "team leads", "computer science students", "people who review a lot of code"},
		troubles: []string{"the tests pass alone and fail together", "the build is slow only on one machine", "a null value appears from nowhere", "the loop never ends for empty input", "dates shift by one day", "memory grows until the process is killed"},
		findings: []string{"Coverage of {thing} rose from {20-59}% to {60-96}% in {2-9} sprints.", "The bisect of {isodate} pointed at a commit by {author}.", "{Thing} allocated {2-90} MB for {100-900} records.", "Review time fell from {2-5} days to {3-20} hours."},
	},
	{
		topics:   []string{"probability puzzles", "prime numbers", "the birthday paradox", "linear regression", "Bayes' theorem", "graph colouring", "confidence intervals", "the central limit theorem"},
		tasks:    []string{"prove that the square root of two is irrational", "explain variance with an everyday example", "solve a system of three equations", "estimate how many piano tuners a city needs", "check a survey's margin of error", "draw a decision tree for a game"},
		things:   []string{"the sample", "the proof", "the second equation", "the histogram", "the random walk", "the estimator"},
		people:   []string{"students who fear statistics", "maths teachers", "analysts", "quiz players"},
		troubles: []string{"my result is negative and should not be", "the proof seems circular", "the two methods differ by exactly one", "the graph does not match the table", "the sum diverges", "I cannot see where independence is used"},
		findings: []string{"In {200-9000} simulated rounds the event came up {10-199} times.", "With {20-90} samples the interval was {2-9} points wide.", "{author}'s estimate differed from the true value by {1-14}%.", "The slope was 0.{10-99}, with a standard error of 0.0{1-9}."},
	},
	{
		topics:   []string{"renting a flat abroad", "probation periods", "noise complaints", "consumer rights for online purchases", "powers of attorney", "data protection requests", "parental leave", "small claims"},
		tasks:    []string{"write to a landlord about a broken heater", "ask an employer for a reference", "cancel a gym contract", "object to a parking fine", "request the data a company holds about me", "understand a non-compete clause"},
		things:   []string{"the lease", "the deposit", "the notice period", "the contract", "the second reminder", "the warranty"},
		people:   []string{"tenants", "part-time employees", "volunteers at an advice centre", "small landlords"},
		troubles: []string{"the landlord does not answer", "the deposit has not come back", "the contract renews itself", "the clause can be read in two ways", "the deadline falls on a holiday", "they sent the bill to the wrong address"},
		findings: []string{"The notice of {date} gave {2-12} weeks.", "Of {30-300} complaints in {city}, {4-25} went to court.", "{author} asked for {200-950} euros back and received {50-190}.", "Clause {3-29} was struck out."},
	},
	{
		topics:   []string{"coral reefs", "urban foxes", "bird migration", "soil carbon", "river restoration", "invasive species", "pollinators in cities", "rewilding"},
		tasks:    []string{"identify a bird from its song", "explain the carbon cycle with a drawing", "set up a nest box", "count butterflies along a path", "argue both sides of reintroducing wolves", "plan a school project on a pond"},
		things:   []string{"the wetland", "the nest box", "the river bank", "the survey route", "the meadow", "the camera trap"},
		people:   []string{"volunteers", "park rangers", "biology students", "farmers"},
		troubles: []string{"the counts differ between observers", "the pond turns green in June", "the nest box stays empty", "the trail camera records only wind", "the species was mistaken for another", "the funding ends in spring"},
		findings: []string{"Observers counted {12-900} birds on {date}, against {10-400} a year before.", "Nitrate near {thing} fell from {20-60} to {3-19} mg a litre.", "{author} ringed {4-80} of them in {city}.", "After {2-9} years {3-40}% of the bank was overgrown."},
	},
	{
		topics:   []string{"chord progressions", "recording vocals at home", "tuning a ukulele", "sight-reading", "mixing drums", "the circle of fifths", "practising with a metronome", "writing a chorus"},
		tasks:    []string{"write lyrics about leaving a small town", "transpose a song for a lower voice", "plan twenty minutes of practice a day", "set up a cheap home studio", "choose a first violin", "arrange a folk song for three voices"},
		things:   []string{"the second verse", "the bass line", "the microphone", "the chorus", "the old piano", "the rehearsal room"},
		people:   []string{"choir singers", "guitar beginners", "bedroom producers", "music teachers"},
		troubles: []string{"the vocals sound thin", "my fingers are too slow for the change", "the neighbours complain", "the chorus is weaker than the verse", "the recording hums", "everyone speeds up in the bridge"},
		findings: []string{"At {60-95} beats a minute most players made {2-12} mistakes.", "The take of {isodate} was {3-9} dB louder than the rest.", "{author} sold {20-900} tickets in {city}.", "After {3-20} rehearsals {thing} still lasted {2-7} minutes too long."},
	},
	{
		topics:   []string{"remote meetings", "giving feedback", "salary negotiations", "burnout", "job interviews", "handing over a project", "meeting notes", "working across time zones"},
		tasks:    []string{"say no to an extra project politely", "prepare a one-to-one with a new manager", "write a farewell message to colleagues", "turn a long meeting into a short document", "ask for a raise", "give feedback on a messy presentation"},
		things:   []string{"the weekly meeting", "the project plan", "the handover document", "the job advert", "the performance review", "the shared calendar"},
		people:   []string{"new managers", "remote teams", "career changers", "interns"},
		troubles: []string{"the same two people always talk", "decisions are forgotten within a week", "my manager cancels our meetings", "the deadline moved and nobody said so", "the job title does not match the work", "every message is marked urgent"},
		findings: []string{"The team in {city} cut meetings from {9-20} to {2-8} hours a week.", "Of {20-200} people asked, {30-80}% did not know the goal of {thing}.", "{author} left on {date} after {2-11} years.", "Replies took {2-30} hours on average."},
	},
	{
		topics:   []string{"lentil dishes", "cooking for one", "knife skills", "freezing leftovers", "fermented vegetables", "cooking with an allergy to nuts", "stock from scraps", "rice that does not stick"},
		tasks:    []string{"cook dinner for six in under an hour", "replace eggs in a cake", "use up half a cabbage", "plan a week of lunches", "season a soup that tastes flat", "make pasta sauce from pantry staples"},
		things:   []string{"the stew", "the cast-iron pan", "the freezer", "the salad", "the sauce", "the pressure cooker"},
		people:   []string{"students with one hotplate", "busy parents", "people who hate washing up", "cooks for a community kitchen"},
		troubles: []string{"the sauce splits", "the rice is mushy", "everything tastes of garlic", "the meat is dry", "the beans stay hard", "I have no oven this week"},
		findings: []string{"The kitchen in {city} served {40-400} meals on {date}.", "Beans soaked for {6-24} hours cooked in {30-90} minutes.", "{author} threw away {2-19}% less once {thing} was labelled.", "At {60-95} degrees the texture changed within {5-40} minutes."},
	},
}
