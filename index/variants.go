package index

import "strings"

// Pairs of a character as it is written today and an older or other form of it: 亜亞. Names keep such forms (渡邊, 髙橋, 齋藤), old papers all of them.
// What differs in meaning in some words is paired where names mix the two (斎 and 斉). NFKC has folded the compatibility ideographs before (神, 福).
// Held against the tables of OpenCC (t2jp) once.
const otherForms = `亜亞 悪惡 圧壓 囲圍 医醫 為爲 壱壹 稲稻 飲飮 隠隱 営營 栄榮 衛衞 駅驛 悦悅 閲閱 円圓 艶艷 塩鹽 縁緣 応應 欧歐 殴毆 桜櫻 奥奧 横橫 温溫 穏穩
仮假 価價 画畫 会會 絵繪 壊壞 懐懷 概槪 拡擴 殻殼 覚覺 学學 学斈 岳嶽 楽樂 渇渴 勧勸 巻卷 寛寬 歓歡 缶罐 観觀 関關 陥陷 顔顏 既旣 帰歸 気氣 亀龜 偽僞 戯戲
犠犧 却卻 旧舊 拠據 挙擧 虚虛 峡峽 挟挾 教敎 強强 狭狹 郷鄕 尭堯 暁曉 区區 駆驅 勲勳 薫薰 径徑 恵惠 掲揭 渓溪 経經 継繼 茎莖 蛍螢 軽輕 鶏鷄 鶏雞 芸藝 撃擊 欠缺
倹儉 剣劍 剣劔 剣劒 圏圈 検檢 権權 献獻 県縣 研硏 険險 顕顯 験驗 厳嚴 効效 広廣 恒恆 鉱鑛 号號 国國 国囯 黒黑 済濟 砕碎 剤劑 冊册 雑雜 参參 惨慘 桟棧 蚕蠶
賛贊 残殘 糸絲 歯齒 児兒 辞辭 湿濕 実實 写寫 釈釋 寿壽 収收 従從 渋澁 獣獸 縦縱 粛肅 処處 叙敍 叙敘 尚尙 奨奬 将將 焼燒 証證 称稱 渉涉 乗乘 剰剩 壌壤 嬢孃
条條 浄淨 状狀 畳疊 穣穰 譲讓 醸釀 嘱囑 触觸 寝寢 慎愼 晋晉 真眞 尽盡 図圖 粋粹 酔醉 随隨 髄髓 数數 枢樞 瀬瀨 声聲 斉齊 斉斎 斉齋 静靜 税稅 跡蹟 説說 摂攝
窃竊 専專 戦戰 浅淺 潜潛 潜濳 繊纖 践踐 銭錢 禅禪 曽曾 双雙 壮壯 捜搜 挿插 巣巢 争爭 痩瘦 窓窗 総總 聡聰 荘莊 装裝 騒騷 増增 蔵藏 臓臟 即卽 属屬 続續 堕墮
対對 体體 帯帶 滞滯 台臺 滝瀧 択擇 沢澤 単單 担擔 胆膽 団團 弾彈 断斷 痴癡 遅遲 昼晝 虫蟲 鋳鑄 庁廳 徴徵 聴聽 勅敕 鎮鎭 逓遞 鉄鐵 鉄鐡 転轉 点點 伝傳 党黨
盗盜 灯燈 当當 闘鬪 徳德 独獨 読讀 届屆 弐貳 脳腦 悩惱 覇霸 廃廢 拝拜 売賣 麦麥 発發 髪髮 抜拔 蛮蠻 秘祕 浜濱 浜濵 払拂 仏佛 併倂 並竝 変變 辺邊 辺邉 弁辨
弁瓣 弁辯 歩步 宝寶 萌萠 褒襃 豊豐 没沒 翻飜 毎每 万萬 満滿 麺麵 黙默 餅餠 戻戾 弥彌 薬藥 訳譯 予豫 余餘 与與 誉譽 揺搖 様樣 謡謠 遥遙 来來 頼賴 乱亂 覧覽
略畧 竜龍 両兩 猟獵 緑綠 涙淚 塁壘 励勵 礼禮 隷隸 霊靈 齢齡 暦曆 歴歷 恋戀 錬鍊 炉爐 労勞 楼樓 録錄 湾灣 瑶瑤 高髙 崎﨑 崎嵜 島嶋 島嶌 柳栁 吉𠮷 桑桒 館舘
富冨 峰峯 松枩 梅楳 群羣 裏裡 隣鄰 桧檜 頬頰 掴摑 填塡 剥剝 叱𠮟 蝉蟬 繋繫 鴎鷗 祷禱 涛濤 蝋蠟 薮藪 籠篭 芦蘆 潅灌 諌諫 焔焰 鹸鹼 醤醬 麹麴 噛嚙 躯軀 淵渕
淵渊 恥耻 杯盃 穂穗 姫姬 巌巖 兎兔 槙槇 凜凛 晃晄 秋穐 珍珎 卯夘 煙烟 村邨 野埜 壷壺 靭靱 糾糺
亘亙 内內 呉吳 戸戶 歳歲 産產 絶絕 緒緖 縄繩 脱脫 舎舍 挙舉 黄黃 郷鄉 闘鬥 麺麪 渋澀 湿溼 晩晚 彦彥 禄祿 頴穎 弯彎 床牀 査查 舗鋪 輌輛 撹攪 掻搔 唖啞 嘘噓
繍繡 御禦 汚污 蒋蔣 皐皋 莱萊 疏疎 呪咒 桝枡`

// variants folds older forms of kanji, and small ケ and カ (ヶ月, ヵ所), to what is written today.
var variants = func() map[rune]rune {
	m := map[rune]rune{'ヶ': 'ケ', 'ヵ': 'カ'}
	for _, pair := range strings.Fields(otherForms) {
		rs := []rune(pair)
		m[rs[1]] = rs[0]
	}
	return m
}()

// voiced folds ヴァ to バ and so on: what two people hear as one sound.
var voiced = map[rune]rune{'ァ': 'バ', 'ィ': 'ビ', 'ェ': 'ベ', 'ォ': 'ボ'}
