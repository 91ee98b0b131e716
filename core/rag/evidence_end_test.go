package rag

import "testing"

// An answer that is cut out of its sentence where the verb goes on says so; what ends by itself, or is no part of the sentence, keeps its full stop.
func TestUnfinished(t *testing.T) {
	for _, c := range []struct{ answer, sentence, want string }{
		{"20分以内に内側のサーバへ移し。", "届いたファイルは20分以内に内側のサーバへ移し、元を消します。", "20分以内に内側のサーバへ移し…"},
		{"はい、雨でも行い。", "雨でも行い、雷のときは延ばす。", "はい、雨でも行い…"},
		{"ボタンを押して。", "ボタンを押して5秒待ちます。", "ボタンを押して…"},
		{"無料ですが。", "無料ですが、予約がいります。", "無料ですが…"},
		{"2か月まで延長することができ。", "請求により2か月まで延長することができ、料金はかからない。", "2か月まで延長することができ…"},
		{"元を消します。", "20分以内に移し、元を消します。", "元を消します。"},
		{"前日までに。", "前日までに、係へ届ける。", "前日までに。"},
		{"故障するため。", "故障するため、水で洗わない。", "故障するため。"},
		{"手数料なし。", "手数料なし、送料は別です。", "手数料なし。"},
		{"10日です。", "年に10日、休める。", "10日です。"},
		{"平日9時から20時。", "平日9時から20時、土曜は休み。", "平日9時から20時。"},
		{"別の文に移し。", "届いたファイルは移し、消す。", "別の文に移し。"},
		{"移し。", "移し", "移し。"},
		{"on foot.", "on foot, by train", "on foot."},
	} {
		if got := unfinished(c.answer, c.sentence); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.answer, c.sentence, got, c.want)
		}
	}
}
