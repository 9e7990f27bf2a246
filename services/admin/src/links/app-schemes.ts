/** Schemes of well-known apps, to which the rules of every instance may lead. An operator adds those of the apps that are marketed. */
export const KNOWN_APP_SCHEMES: readonly string[] = [
  // messengers and work: WeChat, WeCom, QQ, DingTalk, Feishu
  ...["weixin", "wxwork", "mqq", "mqqapi", "mqqwpa", "dingtalk", "feishu", "lark"],
  // shops: Taobao, Tmall, JD, Pinduoduo, Vipshop, Suning, Xianyu
  ...["taobao", "tbopen", "tmall", "openapp.jdmobile", "pinduoduo", "vipshop", "suning", "fleamarket"],
  // payment and maps: Alipay, Amap, Baidu, Tencent
  ...["alipay", "alipays", "amapuri", "iosamap", "androidamap", "baidumap", "qqmap"],
  // food and travel: Meituan, Dianping, Eleme, DiDi, Ctrip
  ...["imeituan", "meituanwaimai", "dianping", "eleme", "diditaxi", "ctrip"],
  // short video: Douyin, Huoshan, Xigua, TikTok, Kuaishou, Xiaohongshu
  ...["snssdk1128", "snssdk1112", "snssdk32", "snssdk1233", "kwai", "ksnebula", "gifshow", "xhsdiscover"],
  // social, news, search: Weibo, Zhihu, Douban, Toutiao, Baidu
  ...["sinaweibo", "zhihu", "douban", "snssdk141", "baiduboxapp"],
  // video, music, books: Bilibili, iQIYI, Youku, Tencent Video, QQ Music, NetEase Music, WeRead
  ...["bilibili", "iqiyi", "youku", "tenvideo", "tenvideo2", "qqmusic", "orpheus", "weread"],
  // elsewhere
  ...["fb", "instagram", "line", "kakaotalk", "twitter", "whatsapp", "youtube", "spotify"],
]
