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
sandbox-text = Google здесь имитируется, на этом компьютере. Серверы, которые вы добавите, настоящие.
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

## Серверы
servers-title = Ваши серверы
servers-lead = Серверы MCP, которые работают только для вас. Ассистенты пользуются их инструментами через Deputy.
servers-empty-title = Серверов пока нет
servers-empty-text = Добавьте первый ниже: файлы, GitHub, база данных или любой другой.
server-add = Добавить сервер
server-add-lead = Выберите, для чего он. Ничего не запустится, пока вы не увидите, что именно будет запущено.
server-used = использован { $when }
server-never-used = ещё не использован
server-inactive = Спит
server-starting = Запускается
server-active = Работает
server-error = Ошибка
server-needs-consent = Нужно ваше разрешение
server-disabled = Выключен
server-consent-text = Этот сервер ждёт вашего разрешения.
server-retry = Deputy запустит его снова не раньше чем через { $time }. Проверка запускает сразу.
server-settings-refused = Эти настройки больше не принимаются. Измените их или спросите администратора.
server-kind-gone = Серверов этого вида ({ $kind }) здесь больше нет, поэтому его нельзя ни запустить, ни изменить. Спросите администратора или удалите его.
server-failed = В последний раз он не справился. Что увидел Deputy:
server-printed = Последний вывод
server-new-title = Добавить: { $kind }
server-edit-title = Изменить { $name }
server-name = Имя
server-name-help = Строчные латинские буквы, цифры и дефисы. По этому имени называются инструменты: ИМЯ__ИНСТРУМЕНТ.
server-name-taken = Сервер с таким именем у вас уже есть.
server-name-reserved = Так называется собственный сервер Deputy. Выберите другое имя.
server-name-wrong = Имя начинается со строчной латинской буквы; всего не больше 32 строчных букв, цифр и дефисов.
server-changed-meanwhile = Его изменили в это же время. Посмотрите ещё раз.
server-stored-now = Сейчас: { $value }
server-policy = Инструменты без своего правила
server-policy-help = Позже можно задать правило для каждого инструмента.
server-continue = Далее
server-setup = Как настроить
server-runs-pattern = Что будет запущено
form-wrong = В форме что-то не так. Ничего не изменено.
form-not-saved = Ничего не изменено.
form-secrets-again = То, что введено тайно, никогда не пишется на страницу: введите это ещё раз.
field-optional = необязательно
field-when = Если «{ $field }» — { $values }
field-roots = Должна быть внутри
secret-set = Задано
secret-replace = Оставьте пустым, чтобы не менять.
secret-remove = Удалить
review-title = Добавить { $name }?
review-lead = Эта программа будет работать на машине сервера только для вас, изолированно, и получит лишь то, что указано здесь.
review-lead-unconfined = Эта программа будет работать на машине сервера только для вас.
review-lead-remote = Вызовы его инструментов пойдут по этому адресу.
review-add = Добавить
runs-network = Сеть
runs-network-open = есть
runs-network-none = нет
runs-network-remote = Deputy обращается по этому адресу
runs-unconfined = Здесь серверы не изолируются (DEPUTY_SANDBOX выключен): программа может всё, что может Deputy, что бы ни было указано ниже.
runs-folders = Папки
runs-folders-none = никаких ваших
runs-folders-own = своя собственная
runs-access = Доступ
runs-access-oauth = с вашего разрешения, данного на его странице входа
server-test = Проверить
server-enable = Включить
server-disable = Выключить
server-edit = Изменить
server-delete = Удалить
server-delete-title = Удалить { $name }?
server-delete-text = Сервер остановится; его настройки, секреты, правила и то, что он хранил у себя, удалятся. Ваши папки останутся как есть.
server-delete-confirm = Да, удалить
test-ok = Работает
test-failed = Не работает
test-summary = { $tools } за { $time }
server-test-first = Deputy скоро сам прочитает его инструменты; первый запуск может занять минуту, пока загружаются пакеты. Вы соглашаетесь с теми инструментами, которые у него тогда есть. Проверка делает это сразу и показывает, что вышло.
server-test-first-remote = Deputy скоро сам прочитает его инструменты. Вы соглашаетесь с теми инструментами, которые у него тогда есть. Проверка делает это сразу и показывает, что вышло.
held-title = Ждёт вашего решения
held-lead = Сервер описывает эти инструменты не так, как когда вы соглашались, или добавил их позже. Их нельзя вызвать, пока вы не разрешите. Описания — слова самого сервера: читайте, но не верьте им на слово.
held-difference = Что изменилось в { $tool }
held-invisible = Отличие — в невидимых символах.
held-allow = Разрешить
held-allow-all = Разрешить все эти
held-more = { $n ->
    [one] Ждёт ещё { $n }. Он появится, когда вы решите об этих.
    [few] Ждут ещё { $n }. Они появятся, когда вы решите об этих.
   *[many] Ждут ещё { $n }. Они появятся, когда вы решите об этих.
}
held-cut = Это не всё. Нельзя разрешить то, что не показано.
held-whole = Показать всё
tool-changed = Изменён
tool-new = Новый
tool-gone = Исчез
tool-unusable = Нельзя вызвать
tool-read-only = только читает
tool-destructive = может удалить данные
tool-by-administrator = по правилу администратора
tool-policy-of = Правило для { $tool }
tool-description = Описание
server-tools = Инструменты
server-tools-lead = Что происходит, когда ассистент вызывает инструмент. Без своего правила:
server-instructions = Что он говорит каждому ассистенту, который использует его отдельно
server-tools-empty = Инструменты пока неизвестны. Deputy сам читает их после того, как сервер добавлен; проверка делает это сразу.
server-tools-empty-off = Инструменты пока неизвестны. Deputy прочитает их, когда сервер будет включён.
tools-save = Сохранить правила
policy-default = Как у сервера
policy-auto = Сразу
policy-ask = Спросить меня
policy-deny = Никогда
policy-ask-writes = Спросить меня перед теми, что что-то меняют
policy-ask-all = Спросить меня перед каждым вызовом
policy-auto-all = Вызывать без вопросов
server-runs = Что запускается
server-where = Где он находится
server-use = Как пользоваться
server-use-lead = У клиента, подключённого к Deputy, его инструменты уже есть.
server-use-alone = Только этот сервер, вместе с его ресурсами и подсказками, доступен по своему адресу с вашим токеном:
server-log = Журнал сервера
server-log-empty = За последнее время он ничего не выводил.
kind-needs-program = На этой машине нет: { $program }.
kind-needs-commands = Администратор не разрешил ни одной команды (DEPUTY_CUSTOM_COMMANDS).
kind-needs-folders = Администратор не разрешил ни одной папки (DEPUTY_FILES_ROOTS).
rules-title = Правила для инструментов, для всех
rules-lead = Вы администратор. Правило действует для всех; правило человека может быть только строже.
rule-new = Добавить правило
rule-server = Вид сервера
rule-tool = Инструмент
rule-tool-help = Как его называет сервер; пусто — для всех.
rule-policy = Что происходит как минимум
rule-ask = Спросить человека
rule-remove = Убрать
home-servers = Ваши серверы ждут вас
server-held = { $n ->
    [one] { $n } инструмент задержан, пока вы на него не посмотрите.
    [few] { $n } инструмента задержаны, пока вы на них не посмотрите.
   *[many] { $n } инструментов задержаны, пока вы на них не посмотрите.
}
server-limit = { $n ->
    [one] У вас уже { $n } сервер, больше нельзя. Сначала удалите его.
    [few] У вас уже { $n } сервера, больше нельзя. Сначала удалите один из них.
   *[many] У вас уже { $n } серверов, больше нельзя. Сначала удалите один из них.
}
test-tools = { $n ->
    [one] { $n } инструмент
    [few] { $n } инструмента
   *[many] { $n } инструментов
}

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
call-held = Задержано
caller-browser = Браузер
caller-anybody = Без входа
caller-client = { $name } (клиент)
caller-cli = Командная строка
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
activity-kind-resource = Чтение ресурсов
activity-kind-prompt = Получение промптов
activity-kind-approval = Согласования
activity-kind-server = Серверы
activity-kind-context = Выбор сервера
activity-kind-tools = Правила для инструментов
activity-kind-policies = Правила для всех
activity-kind-connection = Подключения
activity-kind-access = Доступ клиентов
activity-kind-client = Клиенты
activity-kind-token = Токены доступа
activity-kind-session = Входы
activity-kind-factor = Вторые факторы
activity-kind-password = Пароли
activity-kind-user = Пользователи
activity-kind-key = Ключи
activity-kind-note = Заметки
activity-kind-task = Задачи
activity-kind-project = Проекты
activity-kind-requirement = Требования
action-tool-call = Вызов
action-tool-result = Ответ
action-resource-read = Ресурс прочитан
action-prompt-get = Промпт получен
action-approval-ask = Запрошено согласование
action-approval-approve = Разрешено
action-approval-reject = Отклонено
action-connection-connect = Аккаунт подключён
action-connection-disconnect = Аккаунт отключён
action-access-allow = Доступ разрешён
action-access-deny = В доступе отказано
action-access-end = Доступ прекращён
action-access-end-all = Весь доступ прекращён
action-access-reuse = Предъявлена копия токена: доступ прекращён
action-client-register = Клиент зарегистрирован
action-client-add = Клиент добавлен
action-client-remove = Клиент удалён
action-client-block = Клиент заблокирован
action-client-unblock = Клиент разблокирован
action-token-create = Токен создан
action-token-revoke = Токен отозван
action-session-start = Вход
action-session-end-all = Выход на всех устройствах
action-password-change = Пароль изменён
action-servers-create = Сервер добавлен
action-servers-change = Сервер изменён
action-servers-delete = Сервер удалён
action-servers-test = Сервер проверен
action-servers-accept = Инструменты разрешены
action-servers-tool-policy = Правило для инструмента
action-servers-tools-changed = Инструменты задержаны
action-context-select = Сервер выбран
action-context-clear = Выбор снят
action-tools-policy = Правило для инструмента
action-policies-set = Правило для всех
action-user-add = Пользователь добавлен
action-user-delete = Пользователь удалён
action-user-disable = Пользователь отключён
action-user-enable = Пользователь включён
action-user-password = Пароль задан администратором
action-key-rotate = Главный ключ сменён
action-note-change = Заметка изменена
action-task-change = Задача изменена
action-project-change = Проект изменён
action-requirement-change = Требование изменено

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
flash-server-added = Добавлен. Deputy сейчас читает его инструменты; проверка покажет, что получается.
flash-server-deleted = Удалён.
flash-tools-allowed = Разрешено. Инструменты снова можно вызывать.
flash-tools-changed-again = За это время они снова изменились, поэтому ничего не разрешено. Посмотрите ещё раз.
flash-draft-lapsed = Прошло слишком много времени, ничего не добавлено. Заполните форму снова.

## Время
span-seconds = { $n ->
    [one] { $n } секунду
    [few] { $n } секунды
   *[many] { $n } секунд
}
span-minutes = { $n ->
    [one] { $n } минуту
    [few] { $n } минуты
   *[many] { $n } минут
}
span-hours = { $n ->
    [one] { $n } час
    [few] { $n } часа
   *[many] { $n } часов
}
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
error-unavailable-title = Не сейчас
error-unavailable-text = Сейчас не получается записать то, что здесь делают, поэтому ничего не сделано. Попробуйте ещё раз чуть позже.

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
remote-begin-other-site = Служба входа сервера { $server } отправляет людей на другой сайт, а её ответы не говорят, чьи они: они могут быть чужими. Попросите её владельца о RFC 9207 (параметр iss).
remote-incomplete = Ответ неполный. Пожалуйста, начните заново.
remote-other-issuer = Ответ пришёл не от того, кого спрашивали. Ничего не подключено.
remote-upstream = Служба входа не подтвердила подключение ({ $detail }). Начните ещё раз.
remote-upstream-client = Служба входа не принимает идентификатор или секрет клиента ({ $detail }). Если вы ввели их в настройках сервера, проверьте их там.
remote-refused = Служба входа не дала разрешения ({ $detail }). Ничего не подключено. Начните ещё раз.
remote-unusable = Его настройки больше не принимаются ({ $detail }). Измените их на его странице.
remote-no-server = У вас больше нет этого сервера. Ничего не подключено.
notice-remote-title = { $host } просит войти снова
notice-remote = Служба входа прекратила разрешение. Подключите сервер снова, чтобы продолжить.
notice-remote-client = Служба входа больше не знает Deputy. Подключите сервер снова, чтобы продолжить.
notice-reuse-title = Доступ { $client } прекращён
notice-reuse = Токен, который давно заменён, предъявили снова: возможно, у кого-то есть его копия. Всё, что было у этой программы, сразу перестало действовать. Если она ваша, пусть войдёт снова; что она делала, видно в журнале.
notice-reuse-code = Код её входа предъявили дважды: возможно, его подслушали. Всё, что было у этой программы, сразу перестало действовать. Если она ваша, пусть войдёт снова; что она делала, видно в журнале.
notice-first-title = Новый доступ: { $clients }
notice-more-title = Больше доступа, чем раньше: { $clients }
notice-first = Это разрешили вы или кто-то в вашем браузере. Если не вы, отберите доступ в настройках и смените пароль.
notice-shared-title = { $by } делится с вами проектом: { $project }
notice-shared = Он в разделе «Требования». Если он вам не нужен, покиньте его там же.

## Программы, которые действуют за людей: согласие
consent-title = Разрешить { $client }?
consent-heading = хочет действовать за вас
consent-you = Вы вошли как { $name } ({ $username }).
consent-other = Войти под другим именем
consent-back-to = После этого вы попадёте на
consent-kind-builtin = Командная строка самого Deputy.
consent-kind-registered = Эту программу добавил администратор этого Deputy.
consent-kind-dynamic = Так она назвала себя сама. Назвать программу так может кто угодно: смотрите, куда вы попадёте.
consent-kind-document = Она описана на { $host }. Больше о ней ничего не известно; имя она дала себе сама.
consent-loopback = Это программа на этом компьютере; какая именно, Deputy знать не может. Продолжайте, только если вы сами её сейчас запустили.
consent-app = Адрес принадлежит программе на вашем устройстве, и занять его может любая программа. Продолжайте, только если вы сами её сейчас запустили.
consent-elsewhere = Хост, где она описана, и хост, на который вы попадёте, разные. Продолжайте, только если знаете, что оба принадлежат её создателям.
consent-unknown-host = Вы ещё ничего ей не разрешали. Продолжайте, только если знаете этот хост.
consent-for = Ей будет доступно
consent-for-mcp = все ваши инструменты (MCP)
consent-for-server = только ваш сервер «{ $server }» (MCP)
consent-for-api = интерфейс Deputy для программ (REST API)
consent-scopes = Ей можно
consent-scopes-help = Снимите отметку с лишнего. Если программе чего-то не хватит, она спросит снова.
consent-before = Вы уже кое-что разрешили этой программе { $when }.
consent-none-ticked = Ничего не отмечено, разрешать нечего. Отметьте что-нибудь или откажите.
consent-nothing-offered = Она не просит ничего из того, что вы можете разрешить.
consent-allow = Разрешить
consent-deny = Отказать
consent-take-back = Доступ можно отобрать в любой момент в настройках.
consent-failed-title = Эту программу подключить нельзя
consent-unknown-client = Программы с таким идентификатором (client_id) здесь нет. Возможно, её удалили: уберите Deputy в программе и добавьте снова.
consent-blocked = Администратор заблокировал здесь эту программу. Ничего не сделано.
consent-wrong-redirect = Программа просит ответить на чужой адрес (redirect_uri). Возможно, кто-то пытается получить ваш доступ: ничего не сделано.
consent-malformed = В запросе программы ошибка ({ $detail }). Ничего не сделано.
consent-document = Адрес, которым называет себя программа, не удалось прочитать ({ $detail }). Попробуйте ещё раз чуть позже.
consent-later = Описание программы сейчас не получить. Ничего не разрешено. Попробуйте ещё раз через { $minutes } мин.
consent-too-many = Вы уже дали доступ слишком многим программам. Сначала отберите один в настройках, затем начните снова.
consent-too-long = Запрос программы слишком длинный. Ничего не сделано.
consent-request-failed = Запрос программы нельзя выполнить ({ $detail }). Ничего не разрешено.
consent-back = Вернуться на { $host }

## Программы, которые действуют за людей: настройки
access-title = Программы с доступом
access-lead = Кому и когда вы разрешили действовать за вас. Отобранный доступ перестаёт работать сразу.
access-empty-title = Доступа нет ни у одной программы
access-empty-text = Когда ассистент подключится к Deputy, вас спросят в браузере, и он появится в этом списке.
access-since = с { $when }
access-used = использован { $when }
access-never-used = ещё не использован
access-end = Отобрать
access-end-all = Отобрать всё
password-end-access = Заодно прекратить доступ всех программ. Им придётся спросить снова.
password-access-stays = Пароль изменён, но прекратить доступ программ не удалось. Отберите его выше.

## Администрирование
nav-admin = Управление
admin-title = Управление
admin-lead = То, что действует для всех, кто пользуется этим Deputy.
clients-title = Программы
clients-lead = Программы, которые могут просить доступ у людей. Добавленные здесь известны Deputy с ваших слов: программе дают идентификатор и указывают адреса, на которые она может возвращать людей.
clients-empty-title = Ни одной не добавлено
clients-empty-text = Большинству это не нужно: они регистрируются сами или описаны на собственном адресе.
clients-others-title = Программы, которые пришли сами
clients-others-lead = Они зарегистрировались сами или описаны на своём адресе. Имена они дали себе сами. Те, кому никто ничего не разрешил, забываются через сутки.
clients-others-empty = Пока ни одной
clients-kind-registered = добавлена
clients-kind-dynamic = зарегистрировалась сама
clients-kind-document = описана на своём адресе
clients-since = с { $when }
clients-used = использована { $when }
clients-never-used = не использовалась
clients-more = Дальше
clients-first = С начала
client-new = Добавить программу
client-id = Идентификатор (client_id)
client-id-help = Латинские буквы, цифры, точки, дефисы и подчёркивания; например: calendar-bot
client-name = Имя
client-name-help = Его видят люди, когда их спрашивают. Пусто: идентификатор.
client-redirects = Адреса, на которые возвращаются люди, по одному в строке
client-redirects-help = https://…, адрес этого компьютера вроде http://127.0.0.1/callback (с любым портом) или собственная схема программы.
client-add = Добавить
client-remove = Удалить
client-remove-title = Удалить { $name }?
client-remove-text = Всё, что люди ей разрешили, сразу прекратится.
client-remove-again = Программа, которая регистрируется сама, может прийти снова; людей спросят заново.
client-remove-confirm = Да, удалить
client-taken = Программа с таким идентификатором уже есть.
client-refused = Добавить нельзя: { $detail }.
admin-access-title = Доступ
admin-access-lead = Программы, которым люди дали доступ, и люди, которые его дали. То, что вы прекратите, сразу перестанет работать; программа останется и сможет спросить снова.
admin-access-empty = Доступа нет ни у одной программы
admin-access-end = Прекратить всё
admin-access-people = Люди, которые дали доступ
admin-access-person = человек
blocks-title = Заблокированные программы
blocks-lead = Заблокированная программа ни у кого не может попросить доступ, а её прежний доступ сразу прекращается. Программа, которая регистрируется сама, каждый раз получает новый идентификатор: блокировать её по нему бесполезно.
block-new = Заблокировать программу
block-name = Идентификатор или хост
block-name-help = client_id программы или хост, на котором описаны программы, например: example.org
block-kind = Что это
block-kind-client = программа
block-kind-host = хост с описаниями
block-add = Заблокировать
block-end = Разблокировать
block-refused = Заблокировать это нельзя. Укажите client_id программы или один только хост, например example.org.
block-refused-host = Программы с таким идентификатором нет. Если это хост, выберите «хост с описаниями».
block-refused-many = Блокировок уже слишком много. Сначала разблокируйте что-нибудь.
block-unfinished = Программа заблокирована, но прекращено не всё, что ей разрешили. Заблокируйте ещё раз.
clients-grants = { $n ->
    [0] никто не пользуется
    [one] { $n } доступ
    [few] { $n } доступа
   *[many] { $n } доступов
}
flash-access-ended = Доступ отобран и уже не действует.
flash-accesses-ended = Всё отобрано и сразу перестало работать.
flash-password-and-access = Пароль изменён, доступа больше нет ни у одной программы.
flash-client-blocked = Заблокирована. Всё, что у неё было, сразу перестало работать.
flash-client-unblocked = Она снова может просить доступ.
flash-client-added = Добавлена.
flash-client-removed = Удалена.

## Second factor
second-title = Второй шаг
second-heading = Ещё один шаг
second-lead = Пароль верный, { $name }. Теперь покажите, что это вы.
second-code = Код
second-code-help = Шесть цифр из приложения-аутентификатора или один из резервных кодов.
second-recovery = Резервный код
second-recovery-help = Один из десяти кодов, которые вы записали. Каждый действует один раз.
second-submit = Войти
second-other = Войти под другим именем
factor-wrong = Код неверный или уже использован. Код из приложения действует один раз; дождитесь следующего.
passkey-use = Использовать ключ доступа
passkey-sign-in = Войти с ключом доступа
passkey-failed = Ключ доступа не использован. Попробуйте ещё раз или выберите другой способ.
passkey-refused = Этот ключ доступа здесь не принят. Попробуйте ещё раз или выберите другой способ.
confirm-title = Подтвердите, что это вы
confirm-heading = Это всё ещё вы?
confirm-lead = Для этого действия нужно свежее подтверждение, { $username }: последнему больше десяти минут или в нём не было второго шага.
confirm-submit = Подтвердить
factor-title = Второй фактор
factor-lead = С ним никто не войдёт, зная только ваш пароль.
factor-must = Здесь нужен второй фактор. Настройте приложение или ключ доступа. До этого больше ничего не откроется.
factor-on = включён
factor-off = нет второго фактора
factor-set-up = Настроить
factor-change = Изменить
factor-back = К настройкам
factor-go-on = Дальше
factor-remove = Удалить
factor-has-app = Приложение уже настроено. Сначала удалите его.
factor-lapsed = Это уже сделано или заняло слишком много времени. Начните сначала.
app-title = Приложение-аутентификатор
app-lead = Приложение на телефоне, которое показывает шесть цифр, новые каждые полминуты.
app-active = настроено
app-begin = Настроить приложение
app-scan = Сфотографируйте это приложением:
app-picture = То, что нужно знать приложению, в виде картинки
app-type = Нет камеры? Введите это в приложение как ключ по времени:
app-first-code = Код, который приложение показывает сейчас
app-confirm = Включить
passkeys-title = Ключи доступа
passkeys-lead = Телефон, компьютер или ключ безопасности впускает вас, проверив палец, лицо или PIN. Ключ доступа работает на этом адресе и больше нигде.
passkeys-script = Чтобы добавить ключ доступа, нужен JavaScript.
passkeys-no-name = Здесь не может быть ключей доступа: они привязаны к имени хоста, а этот Deputy открыт по числовому адресу. Администратор может дать ему имя в DEPUTY_PUBLIC_URL.
passkey-name = Название
passkey-name-example = Мой телефон
passkey-name-needed = Дайте ключу доступа название до 64 символов.
passkey-add = Добавить ключ доступа
passkey-too-many = Ключей доступа уже { $n }. Сначала удалите один.
recovery-title = Резервные коды
recovery-lead = На день, когда нет ни телефона, ни ключей. Каждый код впускает один раз, вместе с паролем.
recovery-left = { $n ->
    [0] резервных кодов не осталось
    [one] остался { $n } резервный код
    [few] осталось { $n } резервных кода
   *[other] осталось { $n } резервных кодов
}
recovery-new = Создать новые
recovery-made = Ваши резервные коды
recovery-once = Запишите или распечатайте их и храните отдельно от пароля. Они показываются один раз; прежние больше не действуют.
flash-app-added = Приложение настроено. Теперь одного пароля недостаточно.
flash-app-removed = Приложение удалено.
flash-passkey-added = Ключ доступа добавлен.
flash-passkey-removed = Ключ доступа удалён. Он сразу перестал работать.
flash-factor-reset = Удалено. Человек входит только с паролем и узнает об этом.
flash-account-deleted = Ваша учётная запись удалена.
notice-app-added = Настроено приложение-аутентификатор
notice-app-removed = Приложение-аутентификатор удалено
notice-passkey-added = Новый ключ доступа: { $name }
notice-passkey-removed = Удалён ключ доступа: { $name }
notice-factor-added-text = Это сделали вы или кто-то за вашим браузером. Если не вы, удалите его в настройках и смените пароль.
notice-factor-removed-text = Это сделали вы или кто-то за вашим браузером. Если не вы, смените пароль и проверьте второй фактор в настройках.
notice-recovery-new = Созданы новые резервные коды
notice-recovery-new-text = Прежние больше не действуют. Если это не вы, смените пароль и создайте новые.
notice-recovery-used = Использован резервный код
notice-recovery-used-text = { $n ->
    [0] Это был последний: создайте новые в настройках. Если это не вы, смените пароль.
    [one] Остался { $n }. Если это не вы, смените пароль и создайте новые.
    [few] Осталось { $n }. Если это не вы, смените пароль и создайте новые.
   *[other] Осталось { $n }. Если это не вы, смените пароль и создайте новые.
}
notice-factor-reset = Ваш второй фактор удалён
notice-factor-reset-text = Это сделал администратор. Теперь для входа достаточно пароля; настройте второй фактор снова в настройках.
action-session-confirm = Подтверждено, кто это
action-factor-add = Добавлен второй фактор
action-factor-remove = Удалён второй фактор
action-factor-recovery = Новые резервные коды
action-factor-recovery-used = Использован резервный код
action-factor-refused = Второй фактор отклонён
action-user-reset-second-factor = Вторые факторы удалены администратором
people-title = Люди
people-lead = Кто входит со вторым фактором. Удалите его тем, кто свой потерял: они узнают об этом и войдут только с паролем.
person-disabled = отключён
person-passkeys = { $n ->
    [one] { $n } ключ доступа
    [few] { $n } ключа доступа
   *[other] { $n } ключей доступа
}
person-reset = Удалить вторые факторы
delete-title = Удалить мою учётную запись
delete-short = Со всем, что здесь ваше. Отменить это нельзя.
delete-begin = Удалить …
delete-lead = Это исчезнет сразу и навсегда:
delete-google = ваше подключение к Google: Google узнает, что разрешение прекращается
delete-servers = ваши серверы: они остановятся, и то, что они здесь хранили, удаляется
delete-access = доступ программ, ваши токены и все места, где вы вошли
delete-rest = ваши настройки, согласования и ключи, которыми запечатаны ваши секреты
delete-stays = То, что вы делали, остаётся в записях, без вашего имени. То, что лежит в вашей учётной записи Google и в других службах, остаётся там.
delete-name = Для подтверждения введите своё имя пользователя, { $username }
delete-name-differs = Это не ваше имя пользователя. Ничего не удалено.
delete-confirm = Удалить мою учётную запись
delete-last = Вы последний администратор. Сначала назначьте другого, иначе некому будет следить за этим Deputy.

## Заметки, задачи, требования
nav-notes = Заметки
nav-tasks = Задачи
nav-projects = Требования
workspace-find = Поиск и фильтр
workspace-words = Слова
workspace-show = Показать
workspace-status = Статус
workspace-edit = Изменить
workspace-nothing = Ничего не нашлось
workspace-markdown = Можно писать в Markdown.
workspace-problem-missing = Этого нет или уже нет.
workspace-problem-role = Вашей роли в проекте для этого недостаточно.
workspace-problem-invalid = Проверьте, что заполнено.
workspace-problem-version = Тем временем это изменил кто-то другой. Нынешний текст показан выше; внесите в него свою правку и сохраните ещё раз. Ничего не потеряно.
workspace-problem-conflict = Сейчас так сделать нельзя.
workspace-problem-limit = Больше нельзя: достигнут предел.
notes-lead = То, что записываете вы и ваши ассистенты. Видите это только вы.
notes-empty = Заметок пока нет
notes-all = Все
notes-open = Открытые
notes-done = Выполненные
note-new = Новая заметка
note-title = Заметка
note-content = Текст
note-category = Категория
note-complete = Выполнено
note-reopen = Открыть снова
note-delete = Удалить заметку
tasks-lead = Что нужно сделать, сначала ближайшее по сроку. Видите это только вы.
tasks-empty = Дел нет
tasks-open = К выполнению
tasks-all = Все
task-new = Новая задача
task-one = Задача
task-title = Что нужно сделать
task-description = Подробнее
task-priority = Приоритет
task-due = Срок
task-due-help = Дата, например 2026-12-31, или время, например 2026-12-31 15:00.
task-due-by = срок { $due }
task-overdue = просрочено с { $due }
task-begin = Начать
task-delete = Удалить задачу
task-pending = Ожидает
task-in-progress = В работе
task-done = Сделано
task-cancelled = Отменено
priority-low = Низкий
priority-medium = Средний
priority-high = Высокий
priority-urgent = Срочный
projects-title = Проекты
projects-lead = Требования с историей и связями, в проектах, которыми вы делитесь с другими.
projects-empty = Проектов пока нет
project-new = Новый проект
project-create = Создать проект
project-name = Название
project-key = Ключ
project-key-help = От 2 до 10 латинских букв и цифр; требования называются SHOP-1, SHOP-2. Потом он не меняется.
project-description = О чём он
project-change = Изменить или удалить проект
project-delete = Удалить проект
project-delete-title = Удалить «{ $name }»?
project-delete-text = Все требования, их история, связи и комментарии исчезнут у всех участников. Отменить это нельзя.
project-viewer = Читатель
project-editor = Редактор
project-owner = Владелец
members-title = Участники
member-username = Имя пользователя
member-role = Роль
member-role-help = Читатели читают; редакторы меняют требования; владельцы решают об участниках и проекте.
member-add = Поделиться
member-remove = Убрать
member-leave = Покинуть
requirement-new = Новое требование
requirements-empty = Требований пока нет
requirements-deleted = Удалённые
requirement-title = Заголовок
requirement-body = Текст
requirement-reason = Почему (для истории)
requirement-version = Версия { $version }
requirement-now = Нынешний текст (версия { $version })
requirement-no-text = Текста пока нет.
requirement-is-deleted = Это требование удалено. Его история сохранена, его можно восстановить.
requirement-delete = Удалить требование
requirement-restore = Восстановить требование
requirement-draft = Черновик
requirement-proposed = Предложено
requirement-approved = Одобрено
requirement-implemented = Реализовано
requirement-verified = Проверено
requirement-rejected = Отклонено
requirement-obsolete = Устарело
links-title = Связи
links-empty = Связей нет
link-refines = уточняет
link-refined-by = уточняется в
link-depends-on = зависит от
link-needed-by = нужно для
link-verifies = проверяет
link-verified-by = проверяется в
link-this = { $key }
link-other = Ключ другого требования
link-add = Связать
link-remove = Убрать
comments-title = Комментарии
comment-new = Новый комментарий
comment-add = Отправить
comment-delete = Удалить
history-title = История
history-of = История { $key }
history-same-text = Текст тот же.
history-links = Появившиеся и убранные связи
version-created = создано
version-edited = изменено
version-deleted = удалено
version-restored = восстановлено
version-imported = импортировано
version-linked = связано
version-unlinked = убрано
matrix-title = Матрица
matrix-lead = Чем каждое требование приходится другим: строки уточняют столбцы, зависят от них или проверяют их.
flash-deleted = Удалено.
flash-project-left = Проекта у вас больше нет.
project-requirements = { $n ->
    [one] { $n } требование
    [few] { $n } требования
   *[other] { $n } требований
}
project-members = { $n ->
    [one] { $n } участник
    [few] { $n } участника
   *[other] { $n } участников
}
