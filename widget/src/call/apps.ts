import type { Locale } from '../locale.ts'
import type { App } from './probe.ts'

/** What people call the app in whose browser they are. */
export const APP_NAMES: Record<Locale, Record<App, string>> = {
  'zh-CN': {
    wechat: '微信',
    douyin: '抖音',
    kuaishou: '快手',
    taobao: '淘宝',
    alipay: '支付宝',
    xiaohongshu: '小红书',
    weibo: '微博',
    qq: 'QQ',
    facebook: 'Facebook',
    instagram: 'Instagram',
  },
  en: {
    wechat: 'WeChat',
    douyin: 'Douyin',
    kuaishou: 'Kuaishou',
    taobao: 'Taobao',
    alipay: 'Alipay',
    xiaohongshu: 'Xiaohongshu',
    weibo: 'Weibo',
    qq: 'QQ',
    facebook: 'Facebook',
    instagram: 'Instagram',
  },
}
