package prompt

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tongue is the vocabulary of one language other than English. A sentence
// holds at most one topic, one place and one number, in places where any of
// them fits without inflection.
type tongue struct {
	topics    []string
	opening   []string // the first sentence
	sentences []string // any later one
	gap       string   // between sentences
}

var tongues = map[string]tongue{
	"es": {
		topics: []string{"el ahorro de energía", "la poda de los olivos", "el aprendizaje de idiomas", "la historia del cacao", "los paneles solares", "la programación en Python", "el insomnio", "la fermentación del pan"},
		opening: []string{"¿Me puedes explicar en pocas palabras {topic}?", "Necesito un resumen de {number} líneas sobre {topic}.", "¿Por dónde empiezo si me interesa {topic}?",
			"Escribe un correo formal a {name} sobre {topic}.", "Dame {number} ideas para una charla sobre {topic} en {city}."},
		sentences: []string{"Vivo en {city} y tengo unos {number} euros al mes.", "{name} me dijo lo contrario.", "Lo necesito antes del día {day}.", "Evita los tecnicismos, por favor.",
			"Ya he leído {number} artículos y sigo con dudas.", "Es para una clase de {number} personas.", "Si hay riesgos, menciónalos al final.", "El año pasado lo intenté en {city} sin éxito."},
		gap: " "},
	"fr": {
		topics: []string{"la rénovation énergétique", "les abeilles en ville", "le droit du travail", "la cuisson du riz", "les bases de données", "la course à pied", "l'histoire de l'imprimerie", "le télétravail"},
		opening: []string{"Peux-tu m'expliquer simplement {topic} ?", "Rédige un texte de {number} lignes sur {topic}.", "Quelles sont les erreurs fréquentes en ce qui concerne {topic} ?",
			"Prépare un plan d'exposé sur {topic} pour {name}.", "Donne-moi {number} exemples concrets liés à ce thème : {topic}."},
		sentences: []string{"J'habite à {city} et je débute.", "{name} n'est pas du même avis.", "Il me le faut avant le {day}.", "Reste bref, s'il te plaît.", "Mon budget est de {number} euros.",
			"C'est pour un groupe de {number} personnes.", "Termine par une question.", "J'ai déjà essayé {number} fois, sans résultat."},
		gap: " "},
	"de": {
		topics: []string{"Wärmepumpen", "Sauerteig", "Steuererklärungen", "Zugreisen mit Kindern", "Gartenteiche", "Unit-Tests", "Rückenschmerzen", "Wahlsysteme"},
		opening: []string{"Was sollte ich über {topic} wissen?", "Erkläre mir {topic} in {number} Sätzen.", "Schreib bitte einen kurzen Text über {topic} für {name}.",
			"Welche Fehler machen Anfänger beim Thema {topic}?", "Nenne {number} Argumente zum Thema {topic}, dafür und dagegen."},
		sentences: []string{"Ich wohne in {city} und habe wenig Zeit.", "{name} sieht das anders.", "Ich brauche es bis zum {day}. des Monats.", "Bitte ohne Fachwörter.", "Wir haben etwa {number} Euro dafür.",
			"Es geht um {number} Leute.", "Am Ende bitte eine Liste.", "Letztes Jahr hat es in {city} nicht geklappt."},
		gap: " "},
	"pt": {
		topics: []string{"a reciclagem", "o café coado", "os investimentos de baixo risco", "a astronomia amadora", "o trabalho remoto", "as hortas urbanas", "a música caipira", "o xadrez"},
		opening: []string{"Você pode explicar {topic} para iniciantes?", "Quero um resumo de {number} linhas sobre {topic}.", "Escreva uma mensagem para {name}. O tema é {topic}.",
			"Quais são os mitos mais comuns sobre {topic}?"},
		sentences: []string{"Moro em {city}.", "Tenho {number} reais para gastar.", "{name} discorda de mim.", "Preciso disso até o dia {day}.", "Use exemplos simples.", "Já tentei {number} vezes.", "Responda em tópicos."},
		gap:       " "},
	"zh": {
		topics: []string{"太阳能电池", "发酵面团", "数据库索引", "唐诗", "城市交通", "睡眠质量", "室内植物", "机器学习"},
		opening: []string{"请用{number}句话解释一下{topic}。", "关于{topic}，初学者最容易犯哪些错误？", "帮我写一篇关于{topic}的短文，给{name}看。", "{topic}为什么重要？",
			"请列出学习{topic}的{number}个步骤。"},
		sentences: []string{"我住在{city}。", "预算大约{number}元。", "{name}的看法和我不同。", "这个月{day}号之前需要。", "请尽量简短。", "最好举一个例子。", "一共有{number}个人参加。"},
		gap:       ""},
	"ja": {
		topics:    []string{"太陽光発電", "味噌作り", "データベース", "俳句", "通勤電車", "睡眠", "家庭菜園", "確率"},
		opening:   []string{"{topic}について{number}文で説明してください。", "{topic}を始めるには何が必要ですか。", "{topic}についてのメールを{name}さん宛てに書いてください。", "{topic}のよくある間違いを教えてください。"},
		sentences: []string{"{city}に住んでいます。", "予算は{number}円くらいです。", "{name}さんは反対しています。", "{day}日までに必要です。", "短くお願いします。", "具体的な例をください。"},
		gap:       ""},
}

var tongueNames = slices.Sorted(maps.Keys(tongues))

// foreign is a message of about n bytes in another language.
func (w *writer) foreign(n int) string {
	t := tongues[w.pick(tongueNames)]
	topic := w.pick(t.topics)
	say := func(templates []string) string {
		return strings.NewReplacer("{topic}", topic, "{city}", w.pick(cities), "{name}", w.pick(names),
			"{number}", fmt.Sprint(2+w.r.IntN(80)), "{day}", fmt.Sprint(2+w.r.IntN(27))).Replace(w.pick(templates))
	}
	text := say(t.opening)
	for range 5 {
		if len(text) <= n {
			break
		}
		text = say(t.opening)
	}
	// Past a paragraph, quote an English text to be worked on, as people do.
	if n-len(text) > 700 {
		return w.around(text, n, w.document)
	}
	return w.extend(text, t.gap, n, func() string { return say(t.sentences) })
}
