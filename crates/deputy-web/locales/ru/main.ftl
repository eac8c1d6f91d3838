### Тексты веб-страниц. Каждый ключ есть на каждом языке; это проверяет тест.

## Рамка
language = Язык
skip-to-content = К содержанию
nav-label = Главное меню
nav-home = Главная
nav-connect = Подключения
nav-approvals = Согласования
nav-servers = Серверы
nav-activity = Журнал
nav-settings = Настройки
account-menu = Меню профиля
role-admin = Администратор
role-user = Участник
sign-out = Выйти
sandbox-title = Песочница
sandbox-text = Ничего не покидает этот компьютер: Google здесь имитируется.
sandbox-google = Заглянуть в имитацию Google
sandbox-sign-in = Войдите как { $user } с паролем { $password }.
save = Сохранить
cancel = Отмена
done = Готово
dismiss = Скрыть
details = Подробности
see-all = Все
review = Посмотреть
revoke = Отозвать

## Вход
login-title = Вход
login-heading = С возвращением
login-lead = Войдите, чтобы видеть, что ваш секретарь делает для вас.
login-username = Имя пользователя
login-password = Пароль
login-submit = Войти
login-wrong = Имя пользователя и пароль не подходят друг к другу. Попробуйте ещё раз.
login-throttled = { $minutes ->
    [one] Слишком много попыток. Подождите { $minutes } минуту и попробуйте снова.
    [few] Слишком много попыток. Подождите { $minutes } минуты и попробуйте снова.
   *[many] Слишком много попыток. Подождите { $minutes } минут и попробуйте снова.
}

## Главная
home-hello = Здравствуйте, { $name }
home-lead-new = Подключите аккаунт, затем дайте своему ассистенту токен — больше ничего не нужно.
home-lead-pending = { $n ->
    [one] { $n } действие ждёт вашего решения.
    [few] { $n } действия ждут вашего решения.
   *[many] { $n } действий ждут вашего решения.
}
home-lead-calm = Всё спокойно. Ассистенты действуют за вас, а последнее слово остаётся за вами.
home-pending = Ждёт вашего решения
home-activity = Недавние действия
pending-empty-title = Решать пока нечего
pending-empty-text = Когда ассистент захочет отправить письмо, пригласить кого-то или что-то удалить, он сначала спросит здесь.
activity-empty-title = Пока ничего не происходило
activity-empty-text = Здесь появится каждый вызов, сделанный от вашего имени.
client-title = Подключите своего ассистента
client-lead = Через Deputy может работать любой клиент MCP: впишите свой токен вместо YOUR_TOKEN.
client-make-token = Создать токен
client-file = Добавьте это в { $file }:
client-shell = Командная строка
client-other = Другой клиент MCP
client-other-text = Выберите транспорт «streamable HTTP», укажите адрес и передавайте токен в заголовке:
client-select-hint = Один щелчок по полю выделяет его целиком.

## Сервисы
service-calendar = Google Календарь
service-gmail = Gmail
service-drive = Google Диск
service-google = Google
state-connected = Подключено
state-disconnected = Не подключено
state-expired = Истекло
not-granted = не разрешено
grant-calendar-read = Видеть ваши календари
grant-calendar-events = Видеть, создавать, менять и удалять события; перед приглашением людей спросит вас
grant-gmail-read = Читать вашу почту и искать в ней
grant-gmail-send = Отправлять письма от вашего имени; каждый раз спросит вас
grant-gmail-compose = Писать черновики
grant-drive = Видеть, создавать и менять ваши файлы
grant-docs = Читать и писать Google Документы

## Подключения
connect-title = Подключения
connect-lead = Выберите, что Deputy может делать для вас в Google. Отменить это можно в любой момент.
connect-action = Подключить
connect-all = Подключить всё
connect-more = Разрешить остальное
connect-account = Ваш аккаунт Google
connect-since = Подключён с { $when }.
connect-renewed = Доступ продлевается сам.
connect-promise = Google попросит подтвердить каждое разрешение. Deputy хранит ключи зашифрованными, использует их только для ваших собственных вызовов и никогда не показывает ассистенту.
connect-unavailable = На этом сервере ещё не задан клиент Google. Попросите администратора указать GOOGLE_CLIENT_ID и GOOGLE_CLIENT_SECRET.
disconnect-action = Отключить
disconnect-all = Отключить Google
disconnect-title = Отключение
disconnect-heading-one = Отключить { $service }?
disconnect-heading-all = Отключить Google?
disconnect-text = Ассистенты сразу потеряют доступ, начатая работа с этим сервисом остановится. В самом Google ничего не удалится.
disconnect-last = Deputy также попросит Google отозвать разрешение и удалит ключи.
disconnect-others-stay = Остальные сервисы Google останутся подключены.
disconnect-confirm = Да, отключить
notice-disconnected-title = Google отключён
notice-revoked = Google больше не принимает разрешение: его отозвали или изменился пароль. Подключите снова, чтобы продолжить.
notice-testing = Google больше не принимает разрешение. Ему было меньше восьми дней: скорее всего, клиент Google ещё в режиме Testing, где разрешения действуют семь дней. Попросите администратора опубликовать его, затем подключите снова.
notice-reauthentication = Ваша организация время от времени просит входить в Google заново. Подключите снова, чтобы продолжить.
notice-time-limit = Разрешение было дано на время, и это время истекло. Подключите снова, чтобы продолжить.
notice-other = Подключение прервалось. Подключите снова, чтобы продолжить.
callback-ok-title = Google подключён
callback-ok-text = Ассистенты уже могут им пользоваться. Это окно можно закрыть.
callback-none-text = Вы не разрешили ни одного сервиса. Ничего не подключено.
callback-failed-title = Google не подключён
callback-state = Эта ссылка больше не действует. Она работает один раз и десять минут: начните заново.
callback-other-person = Эту ссылку открыл другой человек. Ничего не подключено.
callback-refused = Вы не дали разрешения. Ничего не подключено.
callback-upstream = Google не подтвердил подключение. Попробуйте ещё раз чуть позже.
callback-incomplete = Ответ Google неполный. Начните заново.
to-home = На главную
to-connections = К подключениям
try-again = Попробовать снова

## Согласования
approvals-title = Согласования
approvals-lead = Что ассистент хочет сделать от вашего имени, но не может без вас. Посмотрите, что именно произойдёт, и решите.
approve = Разрешить
reject = Отклонить
asked-when = Запрошено { $when }
expires-in = { $n ->
    [0] осталось меньше минуты
    [one] осталась { $n } минута
    [few] осталось { $n } минуты
   *[many] осталось { $n } минут
}
decided-title = Недавние решения
result = Результат
no-arguments = Без аргументов.
approval-approved = Разрешено
approval-rejected = Отклонено
approval-expired = Истекло
approval-pending = Ожидает
approval-done = Выполнено
approval-failed = Ошибка

## Действия
call-ok = Готово
call-error = Ошибка
call-refused = Отказано
call-waiting = Спрошено
caller-browser = Браузер
call-started = Начато
activity-lead = Всё, что было сделано от вашего имени: кем, когда и чем закончилось.
usage-title = Использование
usage-title-of = Использование: { $name }
usage-period = Период
usage-empty = За этот период вызовов не было
usage-calls = Вызовы
usage-success = Успешно
usage-time = Среднее время
usage-busiest = Чаще всего
usage-failed = С ошибкой
usage-good = Успешно
usage-by-day = По дням
usage-by-server = По серверам
usage-plot-label = Вызовы по дням; то же самое в таблице ниже
usage-table = Таблицей
usage-day = День
usage-server = Сервер
unit-ms = { $n } мс
unit-s = { $n } с
records-title = Записи
records-lead = Сначала новые. В записях нет содержимого, только названия и контрольные суммы.
records-filter = Отбор
records-from = С
records-to = По
records-action = Вид
records-outcome = Итог
records-target = Инструмент или сервер
records-caller = Через что
records-person = Кто
records-everybody = Все
records-any = Любой
records-show = Показать
records-clear = Показать всё
records-none = Подходящих записей нет
records-pages = Страницы
records-newer = Новее
records-older = Старше
activity-kind-tool = Вызовы инструментов
activity-kind-approval = Согласования
activity-kind-server = Серверы
activity-kind-connection = Подключения
activity-kind-token = Токены доступа
activity-kind-session = Входы
action-tool-call = Вызов
action-tool-result = Ответ
action-approval-ask = Запрошено согласование
action-approval-approve = Разрешено
action-approval-reject = Отклонено
action-connection-connect = Аккаунт подключён
action-connection-disconnect = Аккаунт отключён
action-token-create = Токен создан
action-token-revoke = Токен отозван
action-session-start = Вход
action-session-end-all = Выход на всех устройствах
action-password-change = Пароль изменён

## Настройки
profile-title = Вы
profile-name = Имя
profile-name-needed = В имени должно быть от 1 до 100 символов.
profile-username = Вы входите как { $username }.
profile-zone = Часовой пояс
tokens-title = Токены доступа
tokens-lead = С токеном программа действует как вы, в пределах отмеченных прав. Дайте каждой программе свой токен, чтобы отозвать можно было один.
tokens-empty-title = Токенов пока нет
tokens-empty-text = Создайте первый для своего ассистента.
token-new = Создать токен
token-name = Для чего он?
token-name-example = Claude на моём ноутбуке
token-days = Действует
token-scopes = Ему можно
token-create = Создать
token-made = Ваш новый токен «{ $name }»
token-once = Скопируйте его сейчас: он показывается только один раз.
token-used = использован { $when }
token-never-used = ещё не использован
token-expires = действует до { $when }
token-no-expiry = без срока
token-expired = Истёк
token-name-needed = Напишите, для чего этот токен.
token-scope-needed = Отметьте хотя бы одно право.
token-too-many = Токенов уже { $n }. Сначала отзовите один из них.
days = { $n ->
    [one] { $n } день
    [few] { $n } дня
   *[many] { $n } дней
}
scope-tools-read = Видеть список инструментов
scope-tools-call = Пользоваться инструментами, которые только читают
scope-tools-write = Пользоваться инструментами, которые что-то меняют
scope-approvals-decide = Решать за вас согласования (ассистенту с этим правом согласование не нужно)
scope-chat = Говорить с ассистентом
scope-servers-manage = Управлять вашими серверами
scope-integrations-manage = Подключать и отключать аккаунты
scope-audit-read = Читать ваш журнал
scope-admin = Администрировать эту установку
password-title = Пароль
password-current = Текущий пароль
password-new = Новый пароль
password-again = Новый пароль ещё раз
password-help = На других устройствах произойдёт выход.
password-change = Сменить пароль
password-differs = Новые пароли не совпадают.
password-wrong = Текущий пароль неверен.
password-short = В новом пароле должно быть не меньше { $n } символов.
password-long = В новом пароле больше { $n } символов.
password-common = Новый пароль — один из самых распространённых. Выберите другой.
password-like-name = Новый пароль не должен совпадать с именем пользователя.
sessions-title = Где вы вошли
sessions-lead = Вход действует до 14 дней.
session-this = Это устройство
session-started = с { $when }
session-seen = активность { $when }
session-unknown = Неизвестное устройство
sign-out-everywhere = Выйти везде
zone-unknown = Такого часового пояса нет. Пример: Europe/Kyiv.

## Что произошло
flash-saved = Сохранено.
flash-password = Пароль изменён; на других устройствах выполнен выход.
flash-token-revoked = Токен отозван и уже не действует.
flash-disconnected = Отключено.
flash-approved = Разрешено и выполнено.
flash-approved-failed = Разрешено, но выполнить не удалось. Подробности ниже.
flash-rejected = Отклонено. Ничего не сделано.
flash-already-decided = Решение уже было принято; повторно ничего не сделано.
flash-expired = Срок запроса истёк. Ассистент может спросить снова.
flash-signed-out = Вы вышли.
flash-not-connected = Отключать было нечего.

## Время
time-now = только что
time-minutes = { $n ->
    [one] { $n } минуту назад
    [few] { $n } минуты назад
   *[many] { $n } минут назад
}
time-hours = { $n ->
    [one] { $n } час назад
    [few] { $n } часа назад
   *[many] { $n } часов назад
}
time-days = { $n ->
    [one] { $n } день назад
    [few] { $n } дня назад
   *[many] { $n } дней назад
}

## Ошибки
error-not-found-title = Здесь ничего нет
error-not-found-text = Такой страницы нет, или она не ваша.
error-method-title = Так это не работает
error-method-text = Эту страницу нельзя открыть таким способом.
error-form-title = Попробуйте ещё раз
error-form-text = Форма устарела или пришла с другого сайта, поэтому ничего не сделано. Вернитесь, обновите страницу и отправьте снова.
error-invalid-title = В форме что-то не так
error-large-title = Это слишком много
error-large-text = Сервер принимает за один раз меньше.
error-server-title = Что-то пошло не так
error-server-text = Это наша ошибка, не ваша, и она записана. Попробуйте ещё раз чуть позже.
error-busy-title = Минутку
error-busy-text = Было слишком много запросов. Попробуйте ещё раз чуть позже.

remote-ask-title = Подключить { $server }?
remote-ask-text = Вас привёл сюда другой сайт. Если вы продолжите, { $host } попросит вас войти, и после этого Deputy сможет пользоваться этой учётной записью от вашего имени.
remote-go-on = Продолжить
remote-ok-title = { $server }: подключено
remote-failed-title = Не удаётся подключить { $server }
remote-callback-failed-title = Сервер не подключён
remote-to-servers = К вашим серверам
remote-begin-blocked = Сервер отправляет Deputy по адресу, к которому тот не обращается ({ $detail }).
remote-begin-temporary = Сервер или его служба входа не отвечает как следует. Попробуйте ещё раз чуть позже.
remote-begin-nowhere = Сервер не сообщает, где войти. Проверьте его адрес или выберите для него другой способ входа.
remote-begin-discovery = Службой входа этого сервера нельзя пользоваться безопасно ({ $detail }).
remote-begin-no-registration = Служба входа не принимает новых клиентов сама. Зарегистрируйте клиента там и укажите его client id в настройках { $server }.
remote-begin-no-authentication = Служба входа требует от Deputy подтвердить себя способом, которого Deputy не знает.
remote-begin-registration = Служба входа не приняла Deputy как клиента ({ $detail }).
remote-begin-issuer-changed = Сервер теперь называет другую службу входа, а не ту, к которой относится его client id. Если это правильно, удалите { $server } и добавьте снова.
remote-incomplete = Ответ неполный. Пожалуйста, начните заново.
remote-other-issuer = Ответ пришёл не от того, кого спрашивали. Ничего не подключено.
remote-upstream = Служба входа не подтвердила подключение. Попробуйте ещё раз чуть позже.
remote-no-server = У вас больше нет этого сервера. Ничего не подключено.
notice-remote-title = { $host } просит войти снова
notice-remote = Разрешение больше не действует. Подключите сервер снова, чтобы продолжить.
