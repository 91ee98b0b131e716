package bert

import (
	"math"
	"math/rand/v2"
	"strings"
)

var sampleWords = [2][]string{
	strings.Fields("資料 倉庫 有給休暇 申請 期限 営業日 請求書 株式会社 電源 点検 部品 会議室 予約 天気 気温 製品 保証 期間 料金 東京都 担当者 部長 午前 午後 安全 手順 確認 連絡先 更新 記録 が必要です 。 、 の場合は を提出してください については に記載のとおり とする ものとし から まで または および サーバー データ ファイル プリンター メンテナンス KX-200 2026年 3月 15日 1,200円 システム 管理者 手続き 変更 停止 再開"),
	strings.Fields("the a of to and in warehouse opens at eight invoice due within thirty days please contact manager printer warranty covers parts labour address temperature degrees meeting room number version release notes safety check list open questions before after every month report maintenance must be approved by department head, first. second. KX-200 2026 1,200 is are was were not with for from this that which"),
}

// SampleTexts makes n texts of the lengths that chunks of documents have: log-normal, half of them under about 50
// tokens, some over 128, Japanese and English by turns. The same n and seed give the same texts.
func SampleTexts(n int, seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 0x6b616b6f69))
	out := make([]string, n)
	for i := range out {
		tokens := max(12, min(400, math.Exp(3.9+0.6*r.NormFloat64())))
		words, join, perWord := sampleWords[i%2], "", 2.1
		if i%2 == 1 {
			join, perWord = " ", 1.3
		}
		var b strings.Builder
		for k := 0.0; k < tokens; k += perWord {
			if k > 0 {
				b.WriteString(join)
			}
			b.WriteString(words[r.IntN(len(words))])
		}
		out[i] = b.String()
	}
	return out
}
