package dataset

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Japanese is read without a dictionary: by particles, by the endings of sentences and by the shapes of numbers and dates. A rule asks only
// where these say enough.

var (
	jaLead = regexp.MustCompile(`^(?:また|なお|さらに|ただし|そして|一方|このうち|最後に|まず|次に|さて|なお|※|＊|\*)[、,]?\s*`)
	// jaDeictic: sentences that say something of what stands before them.
	jaDeictic = regexp.MustCompile(`^(?:これ|それ|あれ|ここ|そこ|この|その|あの|こう|そう|同|当該|上記|下記|以下|次の|前述|後述|前項|本項|例えば|たとえば|つまり|しかし|ところが|すると|従って|したがって|よって|彼|彼女|私|我々|僕|筆者|当時|中でも|全員|自分|すなわち|両|いずれ|どちら|すべて|全て|各自|各|もう|多く|いくつか|今|一部|ほとんど|通常|一般に|普通|最近|現在|実際|特に|例外|前は|後は|他の|ほかの|残り)`)
	jaTopic   = regexp.MustCompile(`^([^、。は]{1,30}?(?:、[^、。はがを]{1,16})?)(には|では|とは|は)、?(.+)$`)
	jaIs      = regexp.MustCompile(`^(.+?)(のことです|です|でした|とする|とします|となります|になります|となっています|である|であった|だ)$`)

	jaNumber = `[0-9０-９][0-9０-９,，.．]*`
	jaUnit   = `(?:営業日|日間|日|週間|か月間|か月|ヶ月|カ月|ヵ月|年間|年度|年|月|時間|分間|分|秒間|秒|人|名|円|件|回|個|枚|本|台|冊|匹|頭|店舗|店|社|校|組|箇所|か所|ヶ所|カ所|階|階建て|歳|才|度|℃|％|%|パーセント|割|倍|畳|坪|km|cm|mm|m|kg|g|mL|ml|L|リットル|kW|W|V|A|Hz|dB|GB|MB|KB|TB|種類|段階|文字|ページ|行|列|番地|号|点|票|通|部|袋|箱|缶|杯|世帯|棟|室|席|便|両|番|万人|万円|億円|平方メートル|メートル|キロ|グラム)`
	jaDate   = `(?:(?:毎年|毎月|毎週)?(?:` + jaNumber + `年)?` + jaNumber + `月` + jaNumber + `日(?:[（(][^）)]{1,3}[）)])?|` + jaNumber + `年` + jaNumber + `月|毎月(?:` + jaNumber + `日|末日|末)|毎年(?:` + jaNumber + `月(?:と` + jaNumber + `月)*)|毎週[月火水木金土日](?:曜日?)?|` + jaNumber + `月(?:と` + jaNumber + `月)*(?:の第` + jaNumber + `[月火水木金土日]曜日?)?)`
	jaClock  = `(?:(?:午前|午後)?` + jaNumber + `時(?:` + jaNumber + `分|半)?|正午|` + jaNumber + `[:：]` + jaNumber + `)`

	jaDateOnly  = regexp.MustCompile(`^` + jaDate + `(?:の?(?:午前|午後)?` + jaClock + `)?$`)
	jaClockOnly = regexp.MustCompile(`^(?:平日の?|毎日|土日の?)?` + jaClock + `$`)
	jaSpan      = regexp.MustCompile(`^(.+?)から(.+?)まで(?:の間)?$`)
	jaQuantity  = regexp.MustCompile(`(?:約|およそ|最大|最高|最低|最長|最短|合計|月額|年額|週|1日|１日)?\s*(` + jaNumber + `)\s*(` + jaUnit + `)`)
	jaEndNumber = regexp.MustCompile(`(` + jaNumber + `)\s*(` + jaUnit + `)(?:/[a-z]+)?(以内|以上|以下|未満|前|後)?(まで|ずつ|単位)?$`)
	jaBehind    = regexp.MustCompile(`^(?:単位|以内|以上|以下|未満|ずつ|おき|ごと)`)
	jaBrackets  = regexp.MustCompile(`\s*[（(][^（）()]*[）)]$`)
	jaAnyNumber = regexp.MustCompile(jaNumber)
	jaPhone     = regexp.MustCompile(`^[0-9０-９]{2,5}[-－ー‐][0-9０-９]{1,4}[-－ー‐][0-9０-９]{3,4}$`)

	jaTime = regexp.MustCompile(`^(?:[^、。]{0,12}の)?(?:` + jaDate + `の?(?:` + jaClock + `)?|` + jaClock + `)`)
	jaCond = regexp.MustCompile(`^(.{3,44}?)(とき|時|場合|際)(?:に?は)、?(.{4,110})$`)
	jaThen = regexp.MustCompile(`^([^、]{4,40}?[うくすつぬむるぐぶ]と)、(.{4,100})$`)
	jaWhy  = regexp.MustCompile(`^(.{5,70}?)(?:ため|ので)、(.{5,42}(?:です|ます|ません|ました|でした))$`)
	jaNeed = regexp.MustCompile(`^(.{2,40}?)が(必要(?:です|となります|になります|である))$`)
	jaWho  = regexp.MustCompile(`^([^、がをに]{2,24}?)が(.{0,20}?(?:管理し|担当し|行い|行っ|対応し|実施し|主催し|承認し|作成し|決定し|保管し|運営し|指名し|任命し|発行し|判断し|点検し)(?:ています|ます|ました|ている|た)?)$`)
	jaAt   = regexp.MustCompile(`^([^を]{2,30}?)(に(?:あります|ある|います|いる|置きます|置く|置いています|置いてあります|設置しています|設置します|位置します|保管しています|保管します)|で(?:行います|開催します|開きます|受け付けます|受け付けています|販売しています|実施します|行いました|開催しました))$`)
	jaAsk  = regexp.MustCompile(`^(.{4,110})(ください)$`)
)

// askJapanese makes questions of a sentence.
func askJapanese(u unit) []asking {
	u.text = commas(u.text)
	s := u.String()
	end := len(u.text)
	for end > 0 && strings.ContainsRune("。．.！!", u.text[end-1]) {
		end--
	}
	start := 0
	if m := jaLead.FindString(s); m != "" {
		if strings.HasPrefix(m, "ただし") {
			return nil
		}
		start = len([]rune(m))
	}
	core := string(u.text[start:end])
	n := end - start
	if n < minSentenceChars || n > 150 || !balanced(core) || jaDeictic.MatchString(core) || strings.ContainsAny(core, "？?…|") {
		return nil
	}
	j := japanese{u: u, start: start, end: end, core: core}
	if asked := j.clauses(); asked != nil {
		return asked
	}
	for _, rule := range []func() []asking{j.definition, j.why, j.condition, j.then, j.topic} {
		if asked := rule(); asked != nil {
			return asked
		}
	}
	return nil
}

// commas writes the comma of technical texts ("，") as the common one, so that the rules know it; inside a number it stays. No place changes.
func commas(text []rune) []rune {
	if !slices.Contains(text, '，') {
		return text
	}
	out := slices.Clone(text)
	for i, r := range out {
		number := i > 0 && i+1 < len(out) && unicode.IsDigit(out[i-1]) && unicode.IsDigit(out[i+1])
		if r == '，' && !number {
			out[i] = '、'
		}
	}
	return out
}

// japanese is a sentence without its stop; core stands at characters start to end of the unit.
type japanese struct {
	u          unit
	start, end int
	core       string
}

// part is a stretch of bytes of core, as characters of the unit.
func (j japanese) part(from, end int) (int, int) {
	a := j.start + len([]rune(j.core[:from]))
	return a, a + len([]rune(j.core[from:end]))
}

var jaClause = regexp.MustCompile(`^([^、。はがを]{2,20})は、?([^、は]{2,24})、([^、。はがを]{2,20}は、?[^、は]{2,24}(?:です|でした|とする|とします))$`)

// clauses are two statements in one sentence: "XはA、YはBです".
func (j japanese) clauses() []asking {
	m := jaClause.FindStringSubmatchIndex(j.core)
	if m == nil {
		return nil
	}
	second := j
	second.core = j.core[m[6]:m[7]]
	second.start, second.end = j.part(m[6], m[7])
	past := strings.HasSuffix(j.core, "でした")
	out := j.is(j.core[m[2]:m[3]], m[4], m[5], past)
	return append(out, second.topic()...)
}

func (j japanese) definition() []asking {
	x, y, ok := strings.Cut(j.core, "とは、")
	if !ok {
		return nil
	}
	m := jaIs.FindStringSubmatchIndex(y)
	if n := len([]rune(x)); m == nil || n < 2 || n > 30 || strings.ContainsAny(x, "、。") {
		return nil
	}
	from := len(x) + len("とは、")
	a, b := j.part(from+m[2], from+m[3])
	return []asking{{kind: KindDefinition, question: x + "とは何ですか。", from: a, end: b, tail: "です。"}}
}

func (j japanese) why() []asking {
	m := jaWhy.FindStringSubmatchIndex(j.core)
	if m == nil || jaDeictic.MatchString(j.core[m[4]:m[5]]) || strings.Contains(j.core[m[4]:m[5]], "必要") || !strings.ContainsAny(j.core[m[4]:m[5]], "はが") {
		return nil
	}
	tail := ""
	switch cause := j.core[m[2]:m[3]]; {
	case strings.HasSuffix(cause, "ます"), strings.HasSuffix(cause, "ません"), strings.HasSuffix(cause, "ました"), strings.HasSuffix(cause, "です"):
		tail = "からです。"
	case strings.HasSuffix(cause, "た"), strings.HasSuffix(cause, "い"):
		tail = "ためです。"
	default:
		return nil // "するため" is a purpose as often as a reason
	}
	a, b := j.part(m[2], m[3])
	return []asking{{kind: KindWhy, question: "なぜ" + j.core[m[4]:m[5]] + "か。", from: a, end: b, tail: tail}}
}

// condition: "Xときは、Yしてください".
func (j japanese) condition() []asking {
	m := jaCond.FindStringSubmatchIndex(j.core)
	if m == nil {
		return nil
	}
	when, then := j.core[m[2]:m[5]], j.core[m[6]:m[7]]
	if strings.HasSuffix(j.core[m[2]:m[3]], "の") && len([]rune(when)) < 5 || strings.Contains(j.core[m[2]:m[3]], "は、") || !polite(then) && !plainVerb(then) || jaSee.MatchString(then) {
		return nil
	}
	question := when + "はどうなりますか。"
	if isAction(then) {
		question = when + "はどうすればよいですか。"
	}
	a, b := j.part(m[6], m[7])
	return []asking{{kind: KindHow, question: question, from: a, end: b, tail: "。"}}
}

// then: "Xすると、Yになります".
func (j japanese) then() []asking {
	m := jaThen.FindStringSubmatchIndex(j.core)
	if m == nil || strings.HasSuffix(j.core[m[2]:m[3]], "こと") || strings.Contains(j.core[m[2]:m[3]], "という") || strings.HasSuffix(j.core[m[2]:m[3]], "によると") || strings.HasSuffix(j.core[m[2]:m[3]], "からすると") || !polite(j.core[m[4]:m[5]]) || strings.Contains(j.core[m[2]:m[3]], "は") {
		return nil
	}
	a, b := j.part(m[4], m[5])
	return []asking{{kind: KindHow, question: j.core[m[2]:m[3]] + "どうなりますか。", from: a, end: b, tail: "。"}}
}

// topic: "Xは、Y".
func (j japanese) topic() []asking {
	m := jaTopic.FindStringSubmatchIndex(j.core)
	if m == nil {
		return nil
	}
	x, particle, y := j.core[m[2]:m[3]], j.core[m[4]:m[5]], j.core[m[6]:m[7]]
	if jaDeictic.MatchString(x) || strings.HasSuffix(x, "の") || strings.HasSuffix(x, "て") || strings.HasSuffix(x, "と") || strings.HasSuffix(x, "に") && particle == "は" || jaOpenClause.MatchString(x) {
		return nil
	}
	subject := x + particle
	if particle == "とは" {
		subject = x + "は"
	}
	if n := jaNeed.FindStringSubmatchIndex(y); n != nil && !jaBroken.MatchString(y) && !strings.Contains(y[n[2]:n[3]], "、") {
		a, b := j.part(m[6]+n[2], m[6]+n[3])
		if particle == "は" {
			subject = x + "には" // 申請は、承認が必要です
		}
		return []asking{{kind: KindHow, question: subject + "何が必要ですか。", from: a, end: b, tail: "です。"}}
	}
	if particle == "は" {
		if n := jaIs.FindStringSubmatchIndex(y); n != nil && n[0] == 0 {
			return j.is(x, m[6]+n[2], m[6]+n[3], strings.HasSuffix(y, "でした") || strings.HasSuffix(y, "であった"))
		}
		if n := jaWho.FindStringSubmatchIndex(y); n != nil && politeEnd(y[n[4]:n[5]]) != "" {
			a, b := j.part(m[6]+n[2], m[6]+n[3])
			return []asking{{kind: KindPerson, question: x + "は誰が" + politeEnd(y[n[4]:n[5]]) + "か。", from: a, end: b, tail: "です。"}}
		}
		if n := jaAt.FindStringSubmatchIndex(y); n != nil && jaTime.FindString(y) == "" && politeEnd(y[n[4]:n[5]]) != "" {
			a, b := j.part(m[6]+n[2], m[6]+n[3])
			return []asking{{kind: KindPlace, question: x + "はどこ" + politeEnd(y[n[4]:n[5]]) + "か。", from: a, end: b, tail: "です。"}}
		}
	}
	if asked := j.when(subject, m[6], y); asked != nil {
		return asked
	}
	if asked := j.amount(subject, m[6], y); asked != nil {
		return asked
	}
	if n := jaAsk.FindStringSubmatchIndex(y); n != nil && particle == "は" && !strings.HasSuffix(y, "ないでください") && !jaSee.MatchString(y) && strings.IndexAny(x, "0123456789") != 0 && !strings.HasSuffix(x, "中") {
		a, b := j.part(m[6], m[7])
		question := x + "はどうすればよいですか。"
		if strings.Contains(y, "へお問い合わせ") || strings.Contains(y, "に問い合わせ") || strings.Contains(y, "へ問い合わせ") || strings.Contains(y, "にお問い合わせ") {
			question = x + "はどこに問い合わせればよいですか。"
		}
		return []asking{{kind: KindHow, question: question, from: a, end: b, tail: "。"}}
	}
	return nil
}

// jaOpenClause: what stands before は is no noun with a clause before it ("期限を過ぎた申請"), but another sort of clause.
var jaOpenClause = regexp.MustCompile(`[がを].*(?:\p{Hiragana}|など|ため|とき|場合|以上|以外)$|^[^がを]{1,12}[が].*[がを]`)

// when: "Xは、毎年9月に実施します".
func (j japanese) when(subject string, at int, y string) []asking {
	value := jaTime.FindString(y)
	if value == "" {
		return nil
	}
	rest := y[len(value):]
	question, wh, kind := "", "いつ", KindDate
	if regexpClock.MatchString(value) && !strings.ContainsAny(value, "月日年曜毎") {
		wh, kind = "何時", KindTime
	}
	for _, p := range []string{"までに", "からは", "から", "まで", "に", "で"} {
		if !strings.HasPrefix(rest, p) {
			continue
		}
		after := rest[len(p):]
		tail := politeEnd(strings.TrimPrefix(after, "、"))
		if tail == "" || jaAnyNumber.MatchString(after) || strings.Contains(after, "、") {
			return nil
		}
		switch {
		case p == "に" && wh == "いつ":
			question = subject + wh + tail + "か。"
		case p == "で":
			return nil
		default:
			question = subject + wh + p + tail + "か。"
		}
		break
	}
	if question == "" {
		return nil
	}
	a, b := j.part(at, at+len(value))
	return []asking{{kind: kind, question: question, from: a, end: b, tail: "です。"}}
}

var regexpClock = regexp.MustCompile(jaClock)

// amount: "Xは、24店が出店しました": the one number is asked for.
func (j japanese) amount(subject string, at int, y string) []asking {
	all := jaQuantity.FindAllStringSubmatchIndex(y, -1)
	if len(all) != 1 || len(jaAnyNumber.FindAllString(y, -1)) != 1 || strings.ContainsAny(y, "、「") {
		return nil
	}
	m := all[0]
	if before := lastRune(y[:m[0]]); isLatin(before) || strings.ContainsRune("-－(（/.", before) {
		return nil
	}
	wh, value := howMany(y[m[4]:m[5]]), y[m[0]:m[1]]
	behind := jaBehind.FindString(y[m[1]:])
	m[1] += len(behind)
	tail := politeEnd(y[m[1]:])
	if wh == "" || tail == "" || m[0] > 0 && strings.HasSuffix(y[:m[0]], "第") || strings.HasPrefix(y[m[1]:], "目") || strings.HasPrefix(y[m[1]:], "前") || strings.HasPrefix(y[m[1]:], "後") {
		return nil
	}
	tail = strings.TrimSpace(tail)
	if wh == "いくら" {
		tail = strings.TrimPrefix(tail, "を")
	}
	a, b := j.part(at+m[0], at+m[1])
	lead := strings.TrimRight(y[m[0]:m[2]], " ")
	if lead == "約" || lead == "およそ" || lead == "合計" {
		lead = ""
	}
	if len(value) == 0 {
		return nil
	}
	return []asking{{kind: KindNumber, question: subject + y[:m[0]] + lead + wh + behind + tail + "か。", from: a, end: b, tail: "です。"}}
}

// is: "XはYです", Y at bytes from to end of the sentence.
func (j japanese) is(x string, from, end int, past bool) []asking {
	y := strings.TrimSpace(j.core[from:end])
	x = strings.TrimSpace(x)
	if y == "" || notNoun.MatchString(y) || strings.HasPrefix(y, "すべて") || strings.HasPrefix(y, "全て") || strings.HasPrefix(y, "同") {
		return nil
	}
	is := "ですか。"
	if past {
		is = "でしたか。"
	}
	kind, wh := whatIs(x, y)
	if wh == "" {
		return nil
	}
	a, b := j.part(from, end)
	topic := "は"
	if kind == KindDefinition && wh == "何" && !past && len([]rune(y)) > 12 && !strings.ContainsFunc(strings.ReplaceAll(x, "の", ""), isHiragana) {
		topic = "とは"
	}
	out := asking{kind: kind, question: x + topic + wh + is, from: a, end: b, tail: "です。", weak: weakSubject(x)}
	if past {
		out.tail = "でした。"
	}
	return []asking{out}
}

// notNoun: predicates that no "what is" asks for.
var notNoun = regexp.MustCompile(`(?:可能|必要|不要|不可|同じ|同様|有効|無効|便利|簡単|よう|はず|べき|ため|から|ので|こと|もの|とおり|通り|対象|だけ|のみ|など|場合|とき|ほど|禁止|無料|税込み|税別|任意|自由|大切|重要|安全|危険|限り|予定|単純|複雑|容易|困難|十分|不十分|明白|確実|最適|適切|的|豊富|強力|高速|柔軟|自明|好み|最高|例外|別|得意|苦手|一部|初めて|少ない|多い|高い|低い|ない|たい|すい|くい|しい)$`)

var (
	whoNouns   = regexp.MustCompile(`(?:担当者?|責任者|議長|委員長|社長|部長|課長|室長|所長|会長|組合長|校長|館長|代表者?|管理者|監督|講師|司会|連絡係|主催者|著者|作成者|発行者|氏名|委員|係|本部長|隊長)$`)
	whereNouns = regexp.MustCompile(`(?:場所|会場|所在地|住所|避難所|集合場所|置き場|行き先|提出先|申込先|申し込み先|問い合わせ先|問合せ先|連絡先|送付先|窓口|主催|場|店|部署)$`)
	whenNouns  = regexp.MustCompile(`(?:日時|期日|期限|締切|締め切り|開催日|予定日|支払日|発行日|作成日|改定日|実施日|時期|日付|開始日|終了日|日)$`)
	numberOf   = regexp.MustCompile(`(?:番号|内線|電話|ダイヤル|郵便番号|FAX)$`)
	clockNouns = regexp.MustCompile(`(?:時刻|時間|時間帯)$`)
	howNouns   = regexp.MustCompile(`(?:天候|天気|状況|状態|様子|結果)$`)
	termNouns  = regexp.MustCompile(`(?:期間|長さ|寿命)$`)
)

// whatIs chooses the question word for "XはYです"; "" when no good one is known.
func whatIs(x, y string) (Kind, string) {
	y = jaBrackets.ReplaceAllString(y, "")
	switch {
	case jaPhone.MatchString(y) || numberOf.MatchString(x) && jaAnyNumber.MatchString(y):
		return KindNumber, "何番"
	case jaClockOnly.MatchString(y):
		return KindTime, "何時"
	}
	if m := jaSpan.FindStringSubmatch(y); m != nil {
		switch {
		case regexpClock.MatchString(m[1]) && regexpClock.MatchString(m[2]) && !strings.Contains(m[1], "月"):
			return KindTime, "何時から何時まで"
		case jaAnyNumber.MatchString(m[1]):
			return KindDate, "いつからいつまで"
		}
	}
	if termNouns.MatchString(x) && strings.HasSuffix(x, "期間") && jaAnyNumber.MatchString(y) && len([]rune(y)) > 12 {
		return KindNumber, "どのくらい"
	}
	if jaDateOnly.MatchString(y) || strings.Contains(y, "営業日") || whenNouns.MatchString(x) && jaAnyNumber.MatchString(y) && !strings.HasSuffix(y, "円") {
		if m := jaEndNumber.FindStringSubmatch(y); strings.HasPrefix(y, "毎月") && m != nil && m[2] == "日" {
			return KindDate, "毎月何日"
		}
		return KindDate, "いつ"
	}
	if m := jaEndNumber.FindStringSubmatchIndex(y); m != nil {
		unit := y[m[4]:m[5]]
		wh := howMany(unit)
		if unit == "分" && strings.HasSuffix(y[:m[2]], "時間") {
			wh = "何時間何分"
		}
		if wh == "どのくらい" && (strings.ContainsFunc(y[:m[2]], isLatin) || jaAnyNumber.MatchString(y[:m[2]])) && !strings.ContainsFunc(y[:m[2]], isHiragana) {
			wh = "" // AC100V 50/60Hz
		}
		lead := ""
		for _, p := range []string{"週", "1日", "月額", "年額", "最大", "最低"} {
			if y[:m[2]] == p {
				lead = p
			}
		}
		if p := part(y, m, 8); wh != "" && wh != "どのくらい" && p != "" {
			return KindNumber, lead + wh + part(y, m, 6) + p
		}
		if wh == "何年" || wh == "何か月" || wh == "何日" || wh == "何年間" || wh == "何週間" {
			if termNouns.MatchString(x) && len(y[:m[2]]) > 0 && unit != "日" {
				return KindNumber, "どのくらい"
			}
		}
		if wh != "" {
			return KindNumber, wh
		}
	}
	switch {
	case whoNouns.MatchString(x), jaRole.MatchString(y):
		return KindPerson, "誰"
	case howNouns.MatchString(x):
		return KindDefinition, "どう"
	case whereNouns.MatchString(x):
		return KindPlace, "どこ"
	case clockNouns.MatchString(x) && regexpClock.MatchString(y):
		return KindTime, "何時"
	case strings.HasPrefix(y, "「") && strings.HasSuffix(y, "」"), jaBroken.MatchString(y), strings.HasSuffix(x, "者"), strings.Contains(x, "、"), jaOrdinal.MatchString(x), !jaNounEnd.MatchString(y), !jaNounEnd.MatchString(x), strings.HasSuffix(x, "例"), strings.HasSuffix(x, "詳細"):
		return "", ""
	case len([]rune(y)) < 2 || len([]rune(y)) > 60 || strings.HasSuffix(y, "て") || strings.HasSuffix(y, "に") || strings.HasSuffix(y, "で"):
		return "", ""
	case onlyDigits.MatchString(fold(y)):
		return KindNumber, "いくつ"
	}
	return KindDefinition, "何"
}

func isHiragana(r rune) bool { return r >= 'ぁ' && r <= 'ん' }

func isLatin(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' }

var (
	// jaOrdinal: one of several that stand before.
	jaOrdinal = regexp.MustCompile(`^(?:[0-9０-９一二三四五六七八九十]+\s*(?:番目|つ目|つめ)|第[0-9０-９一二三四五六七八九十]+の|もう一つ|もうひとつ|最初の|最後の|次の|残りの|別の|他の|ほかの|唯一の|結果|理由|目的|目標|問題|違い|答え)`)
	// jaBroken: a predicate of several clauses.
	jaBroken  = regexp.MustCompile(`(?:が|ので|から|ため|で|て|ば|り|たら)、|にも|でも`)
	jaNounEnd = regexp.MustCompile(`[\p{Han}\p{Katakana}ーA-Za-z0-9０-９）)」』]$`)
)

func part(s string, m []int, i int) string {
	if m[i] < 0 {
		return ""
	}
	return s[m[i]:m[i+1]]
}

// howMany is the question word for a number with a unit.
func howMany(unit string) string {
	switch unit {
	case "円", "万円", "億円":
		return "いくら"
	case "か月", "ヶ月", "カ月", "ヵ月":
		return "何か月"
	case "か月間":
		return "何か月間"
	case "営業日":
		return "何営業日"
	case "℃", "度":
		return "何度"
	case "%", "％":
		return "何パーセント"
	case "km", "cm", "mm", "m", "kg", "g", "mL", "ml", "L", "kW", "W", "V", "A", "Hz", "dB", "GB", "MB", "KB", "TB", "リットル", "畳", "坪", "平方メートル", "メートル", "キロ", "グラム":
		return "どのくらい"
	case "個":
		return "いくつ"
	case "万人":
		return "何人"
	case "才":
		return "何歳"
	case "年度", "番地", "号", "行", "列", "部", "階建て", "月", "点":
		return ""
	case "箇所", "か所", "ヶ所", "カ所":
		return "何か所"
	}
	return "何" + unit
}

// weakSubject: words that say something only together with what the text is about.
func weakSubject(x string) bool {
	switch x {
	case "担当", "価格", "料金", "番号", "場所", "会場", "期限", "収入", "支出", "費用", "名前", "内線", "日時", "対象", "定員", "主催", "目的", "方法", "理由", "内容", "時間", "期間", "合計", "住所", "電話", "開催日", "作成日", "作成者", "発行日", "来場者数", "連絡先", "参加者", "持ち物", "備考":
		return true
	}
	return len([]rune(x)) < 2
}

// polite says whether a sentence ends politely.
func polite(s string) bool {
	for _, end := range []string{"です", "ます", "ません", "ました", "でした", "ください"} {
		if strings.HasSuffix(s, end) {
			return true
		}
	}
	return false
}

func plainVerb(s string) bool {
	return politeEnd(s) != "" || strings.HasSuffix(s, "する") || strings.HasSuffix(s, "とする")
}

// jaDone are verbs of what others do, or of what happens.
var jaDone = regexp.MustCompile(`(?:とする|(?:支給|貸与|適用|発生|終了|開始|停止|完了|消灯|点灯|点滅|中止|延期|返金|発送|変更|消滅|失効)(?:する|します))$`)

// jaSee sends the reader elsewhere.
var jaSee = regexp.MustCompile(`(?:注意|参照|留意)してください$|ご覧ください$|参考にしてください$`)

// isAction says whether a sentence tells somebody to do something.
func isAction(s string) bool {
	for _, end := range []string{"ください", "する", "します", "行う", "行います", "連絡する", "提出する", "申請する", "使います", "使う", "待ちます", "鳴らします", "逃げます", "避難します"} {
		if strings.HasSuffix(s, end) && !jaDone.MatchString(s) {
			return true
		}
	}
	return false
}

// ichidan are endings of verbs that are conjugated by leaving る away, as far as that can be told.
var ichidan = regexp.MustCompile(`(?:[えけせてねへめれげぜでべぺ]|与え|でき|起き|見|用い|設け|受け)る$`)

// godan changes the last kana of a plain verb.
var godan = map[string]string{"う": "い", "く": "き", "ぐ": "ぎ", "す": "し", "つ": "ち", "ぶ": "び", "む": "み"}

// politeEnd is a sentence's end made polite, to be asked with か; "" when its form is not known.
func politeEnd(s string) string {
	s = strings.TrimSpace(s)
	switch {
	case s == "" || strings.HasSuffix(s, "ください"):
		return ""
	case polite(s):
		return s
	case strings.HasSuffix(s, "とする"):
		return strings.TrimSuffix(s, "とする") + "です"
	case strings.HasSuffix(s, "する"):
		return strings.TrimSuffix(s, "する") + "します"
	case strings.HasSuffix(s, "している"):
		return strings.TrimSuffix(s, "いる") + "います"
	case strings.HasSuffix(s, "がある"):
		return strings.TrimSuffix(s, "る") + "ります"
	case strings.HasSuffix(s, "にある"):
		return strings.TrimSuffix(s, "る") + "ります"
	case strings.HasSuffix(s, "にいる"):
		return strings.TrimSuffix(s, "る") + "ます"
	case ichidan.MatchString(s):
		return strings.TrimSuffix(s, "る") + "ます"
	}
	for last, stem := range godan {
		if cut, ok := strings.CutSuffix(s, last); ok {
			return cut + stem + "ます"
		}
	}
	return ""
}

// Shapes that are looked for in the rules above.
var (
	jaRole     = regexp.MustCompile(`(?:開発者|作者|著者|創設者|設立者|社長|会長|委員長)$`)
	onlyDigits = regexp.MustCompile(`^\d+$`)
)
